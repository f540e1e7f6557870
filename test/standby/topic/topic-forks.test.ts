import { beforeEach, describe, expect, test } from 'vitest';
import { beginningAt } from '../../../src/standby/place.ts';
import { SeenLanes } from '../../../src/standby/source/seen-lanes.ts';
import { TopicScout } from '../../../src/standby/topic/topic-scout.ts';
import { TopicSource } from '../../../src/standby/topic/topic-source.ts';
import { frameOf, type MadeRecord } from '../../kit/frames.ts';
import { FakeSharedTopic, StillClock } from './fake-shared-topic.ts';
import { readAll } from '../reads.ts';
import { at, START_MS } from './topic-records.ts';

let clock: StillClock;
let topic: FakeSharedTopic;

beforeEach(() => {
  clock = new StillClock(START_MS);
  topic = new FakeSharedTopic(2, clock);
});

function sourceOf(): TopicSource {
  return new TopicSource({ topic, clock, isAnyBeginningRight: false, onForeign: () => undefined });
}

describe('what a topic says to be undone', () => {
  const fork = { id: '0123456789abcdef', at: START_MS + 5, undone: [] };
  const said = (ms: number, id = fork.id): MadeRecord => {
    const lines = [`!fork ${JSON.stringify({ ...fork, id })}`];
    return { receivedAt: START_MS + ms, lines, transport: 'log' };
  };
  const { signal } = new AbortController();

  test('is told once, wherever it is ahead of what was given', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(2, 'a2')]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), said(90_000)]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    const ahead = await source.forksAhead(signal);
    expect(ahead).toMatchObject([fork]);
    expect(await source.forksAhead(signal)).toEqual([]);
    topic.send(0, frameOf('a', 3, [said(90_001, 'f'.repeat(16))]));
    expect(await source.forksAhead(signal)).toMatchObject([{ id: 'f'.repeat(16) }]);
    topic.hindrance = 'away';
    topic.send(0, frameOf('a', 4, [at(90_002, 'a4')]));
    const unreadable = { code: 'KAFKA_UNREACHABLE' };
    await expect(source.forksAhead(signal)).rejects.toMatchObject(unreadable);
  });

  test('is told by the look after one that could not read all partitions', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), said(90_000)]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1')]));
    topic.hindered.set(1, 'away');
    const scout = new TopicScout({ topic, clock, seen: new SeenLanes() });
    await expect(scout.look(new Map(), signal)).rejects.toThrow('partition 1: away');
    topic.hindered.clear();
    expect(await scout.look(new Map(), signal)).toMatchObject([fork]);
    expect(await scout.look(new Map(), signal)).toEqual([]);
  });

  test('is told before it is its turn, when it was read', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(0, frameOf('a', 2, [at(2, 'a2'), said(90_000)]));
    topic.send(1, frameOf('b', 1, [at(3, 'b3')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    const kinds = (await readAll(source)).map(({ kind }) => kind);
    expect(kinds).toEqual(['frame', 'fork', 'frame', 'frame']);
  });

  test('is known to have been said by some time, or not', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(10, 'a10')]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), said(20)]));
    const source = sourceOf();
    await source.seek(beginningAt(START_MS + 30));
    const isSaidBy = (ms: number): Promise<boolean> => source.isSaidBy(fork, START_MS + ms, signal);
    expect([await isSaidBy(19), await isSaidBy(20)]).toEqual([false, true]);
    expect(await source.isSaidBy({ ...fork, id: 'f'.repeat(16) }, clock.now(), signal)).toBe(false);
  });
});
