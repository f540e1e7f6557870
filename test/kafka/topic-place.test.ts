import { mkdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TopicPlace } from '../../src/kafka/topic-place.ts';
import { tempDirectory } from '../kit/temp.ts';

const FILE = 'kafka.json';
const last = { partition: 1, offset: 7, lane: 'a', seq: 30 };

/** A place with a lane and a message in it, as a directory tells it. */
async function savedPlace(directory: string): Promise<TopicPlace> {
  const place = await TopicPlace.open(directory, 'wal');
  place.partitionOf('a', [0, 1]);
  place.note(last);
  await place.save();
  return place;
}

describe('the place of a log in a topic', () => {
  test('is forgotten by the directory, too', async () => {
    await using directory = await tempDirectory('topic-place');
    const place = await savedPlace(directory.path);
    await place.forget();
    const again = await TopicPlace.open(directory.path, 'wal');
    for (const one of [place, again]) {
      expect(one.last).toBeUndefined();
      expect(one.knows('a')).toBe(false);
    }
  });

  test('is kept where the directory cannot be made to forget it, and forgotten later', async () => {
    await using directory = await tempDirectory('topic-place');
    const place = await savedPlace(directory.path);
    // What is renamed to it cannot take the place of a folder.
    await unlink(join(directory.path, FILE));
    await mkdir(join(directory.path, FILE));
    await expect(place.forget()).rejects.toThrow('kafka.json');
    expect(place.last).toEqual(last);
    expect(place.knows('a')).toBe(true);
    await rmdir(join(directory.path, FILE));
    await place.forget();
    expect(place.last).toBeUndefined();
    expect(place.knows('a')).toBe(false);
  });
});
