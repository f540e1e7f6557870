import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookFormerTopic, meetTopic } from '../../src/kafka/former-topic.ts';
import { TopicPlace } from '../../src/kafka/topic-place.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';

const NOTE = 'topic-before.json';
const last = { partition: 1, offset: 7, lane: 'a', seq: 30 };
const FORMER = { topic: 'wal', until: 1_000 };
const OTHER = { kind: 'other', former: FORMER };

let folder: TempDirectory;

beforeEach(async () => {
  folder = await tempDirectory('former-topic');
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A start with this topic; `sends`: and something reaches it. */
async function start(topic: string, sends: 'nothing' | 'sends' = 'sends'): Promise<unknown> {
  const seen = await lookFormerTopic(folder.path, topic);
  const place = await TopicPlace.open(folder.path, topic);
  const met = await meetTopic(folder.path, place, 1_000);
  expect(seen?.topic).toBe(met.kind === 'other' ? met.former.topic : undefined);
  if (sends === 'sends') {
    place.note(last);
    await place.save();
  }
  return met;
}

/** What is told of a proxy that runs. */
const told = (topic?: string) => lookFormerTopic(folder.path, topic);

describe('a start with another topic', () => {
  test('is known, over later starts, too, until somebody says that it is meant', async () => {
    expect(await start('wal')).toEqual({ kind: 'same' });
    expect(await start('wal')).toEqual({ kind: 'same' });
    expect(await told('wal')).toBeUndefined();
    expect(await start('typo')).toEqual(OTHER);
    expect(await start('typo')).toEqual(OTHER);
    expect(await start('third')).toEqual(OTHER);
    expect(await told('third')).toEqual(FORMER);
    await rm(join(folder.path, NOTE));
    expect(await told('third')).toBeUndefined();
    expect(await start('third')).toEqual({ kind: 'same' });
  });

  test('stays meant, once somebody said so, also before anything was sent to it', async () => {
    await start('wal');
    await start('meant', 'nothing');
    await rm(join(folder.path, NOTE));
    expect(await told('meant')).toBeUndefined();
    expect(await start('meant')).toEqual({ kind: 'same' });
  });

  test('is refused where it cannot be told which one was named before', async () => {
    await start('wal');
    await start('typo');
    await writeFile(join(folder.path, NOTE), 'spoilt');
    const place = await TopicPlace.open(folder.path, 'wal');
    await expect(meetTopic(folder.path, place, 1_000)).rejects.toMatchObject({
      code: 'DATA_UNUSABLE',
    });
  });

  // The cursor, which is written before the place, may be the other one's by then.
  test.each(['nothing', 'sends'] as const)(
    'that was a slip is forgotten, and the right one gets the log from its beginning: %s',
    async (sends) => {
      await start('wal');
      await start('typo', sends);
      expect(await start('wal', 'nothing')).toEqual({ kind: 'back' });
      expect((await TopicPlace.open(folder.path, 'wal')).last).toBeUndefined();
      expect(await readdir(folder.path)).toEqual(['kafka.json']);
      expect(await start('wal')).toEqual({ kind: 'same' });
    },
  );

  test('that ended before it forgot the place leaves that, and who is meant', async () => {
    await start('wal');
    const place = await TopicPlace.open(folder.path, 'typo');
    place.forget = () => Promise.reject(new Error('killed'));
    await expect(meetTopic(folder.path, place, 1_000)).rejects.toThrow('killed');
    expect(await start('wal', 'nothing')).toEqual({ kind: 'back' });
    expect((await TopicPlace.open(folder.path, 'wal')).last).toEqual(last);
  });
});

test('a log that went to a topic, and goes to none, is known until its place in that is removed', async () => {
  expect(await told()).toBeUndefined();
  await start('wal');
  expect(await told()).toEqual({ topic: 'wal', until: undefined });
  await start('typo');
  expect(await told()).toEqual(FORMER);
  for (const file of [NOTE, 'kafka.json']) await rm(join(folder.path, file));
  expect(await told()).toBeUndefined();
});
