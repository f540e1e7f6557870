import { beforeEach, describe, expect, test } from 'vitest';
import { beginningAt } from '../../../src/standby/place.ts';
import { TopicSource } from '../../../src/standby/topic/topic-source.ts';
import { frameOf } from '../../kit/frames.ts';
import { FakeSharedTopic, StillClock } from './fake-shared-topic.ts';
import { readAll } from '../reads.ts';
import { at, closed, namesOf, opened, START_MS } from './topic-records.ts';

let clock: StillClock;
let topic: FakeSharedTopic;

beforeEach(() => {
  clock = new StillClock(START_MS);
  topic = new FakeSharedTopic(2, clock);
});

function sourceOf(isAnyBeginningRight = false, beganOldestMs?: number): TopicSource {
  return new TopicSource({
    topic,
    clock,
    isAnyBeginningRight,
    beganOldestMs,
    onForeign: () => undefined,
  });
}

describe('lanes of a topic, some of which begin, end or are cut off,', () => {
  test('may begin anywhere at the first start only: later, what retention took of new ones is missed', async () => {
    topic.send(0, frameOf('a', 1, [at(1_000, 'a1'), closed(1_000)]));
    for (let n = 1; n <= 9; n += 1) topic.send(1, frameOf('b', n, [at(n * 100_000, `b${n}`)]));
    const [, second] = topic.partitions;
    if (second !== undefined) second.low = 5;
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 1_000 }]]);
    const source = sourceOf(true);
    await source.seek({ sinceMs: null, latestMs: START_MS + 1_000, lanes });
    await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
  });

  test('may begin anywhere until what was received up to the first start is contained', async () => {
    topic.send(0, frameOf('a', 1, [at(1_000, 'a1'), closed(1_000)]));
    for (let n = 1; n <= 9; n += 1) topic.send(1, frameOf('b', n, [at(n * 100_000, `b${n}`)]));
    const [, second] = topic.partitions;
    if (second !== undefined) second.low = 5;
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 1_000 }]]);
    const place = { sinceMs: null, latestMs: START_MS + 1_000, lanes };
    const caughtUp = sourceOf(true, START_MS + 999);
    await caughtUp.seek(place);
    await expect(readAll(caughtUp)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
    const source = sourceOf(false, START_MS + 900_000);
    await source.seek(place);
    expect(namesOf(await readAll(source))).toEqual(['b6', 'b7', 'b8', 'b9']);
  });

  test('are missed where nothing of one is left, and another tells how far it went', async () => {
    const open = opened(5, { lane: 'a', lastSeq: 4 });
    topic.send(1, frameOf('b', 1, [open]));
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 2 }]]);
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 2, lanes });
    expect(namesOf(await readAll(source))).toEqual([]);
    // What is after the first message was sent after all of the lane before.
    topic.send(1, frameOf('b', 2, [at(6, 'b6')]));
    expect(namesOf(await readAll(source))).toEqual(['hole a/3-4', 'b6']);
    // It may be what retention took.
    const [first] = topic.partitions;
    for (let n = 1; n <= 9; n += 1) topic.send(0, frameOf('c', n, [at(n, `c${n}`)]));
    if (first !== undefined) first.low = 5;
    await source.seek({ sinceMs: START_MS + 2, latestMs: START_MS + 2, lanes });
    await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
  });

  test('of which one ended while nothing was read come all, in whatever order partitions are read', async () => {
    topic.send(1, frameOf('b', 1, [opened(5, { lane: 'a', lastSeq: 4 }), at(6, 'b6')]));
    topic.send(1, frameOf('b', 3, [at(60_000, 'b60')]));
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(2, 'a2'), at(3, 'a3'), at(4, 'a4')]));
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 2 }]]);
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 2, lanes });
    expect(namesOf(await readAll(source))).toEqual(['a3', 'a4', 'b6', 'b60']);
  });

  test('do not pass, nor are complete, while one of the partitions can not be read', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(3)]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), closed(2)]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a1', 'b1']);
    topic.hindered.set(1, 'its broker is away');
    for (let s = 1; s <= 60; s += 1) {
      clock.pass(1_000);
      topic.send(0, frameOf('a', 2 + s, [at(s * 1_000, `a${s}`)]));
    }
    topic.send(1, frameOf('b2', 1, [at(5_000, 'b5')]));
    await expect(readAll(source)).rejects.toThrow('its broker is away');
    expect(source.completeToMs(clock.now())).toBe(-Infinity);
    topic.hindered.clear();
    const names = namesOf(await readAll(source));
    expect(names.indexOf('b5')).toBe(names.indexOf('a5') + 1);
  });
});
