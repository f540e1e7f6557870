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

/** Retention drops what is before the message at this offset. */
function take(partition: number, low: number): void {
  const taken = topic.partitions[partition];
  if (taken !== undefined) taken.low = low;
}

describe('lanes of a topic, some of which begin, end or are cut off,', () => {
  test('may begin anywhere at the first start only: later, what retention took of new ones is missed', async () => {
    topic.send(0, frameOf('a', 1, [at(1_000, 'a1'), closed(1_000)]));
    for (let n = 1; n <= 9; n += 1) topic.send(1, frameOf('b', n, [at(n * 100_000, `b${n}`)]));
    take(1, 5);
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 1_000 }]]);
    const source = sourceOf(true);
    await source.seek({ sinceMs: null, latestMs: START_MS + 1_000, lanes });
    await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
  });

  test('may begin anywhere until what was received up to the first start is contained', async () => {
    topic.send(0, frameOf('a', 1, [at(1_000, 'a1'), closed(1_000)]));
    for (let n = 1; n <= 9; n += 1) topic.send(1, frameOf('b', n, [at(n * 100_000, `b${n}`)]));
    take(1, 5);
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 1_000 }]]);
    const place = { sinceMs: null, latestMs: START_MS + 1_000, lanes };
    const caughtUp = sourceOf(true, START_MS + 999);
    await caughtUp.seek(place);
    await expect(readAll(caughtUp)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
    const source = sourceOf(false, START_MS + 900_000);
    await source.seek(place);
    expect(namesOf(await readAll(source))).toEqual(['b6', 'b7', 'b8', 'b9']);
  });

  test('may not begin anywhere after the first start, though it still runs', async () => {
    const source = sourceOf(true);
    await source.seek(beginningAt(null));
    for (let n = 1; n <= 9; n += 1) topic.send(0, frameOf('b', n, [at(n * 1_000, `b${n}`)]));
    take(0, 5);
    await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
  });

  test('lack the end of one that began after the reading did, and never reached the topic whole', async () => {
    const source = sourceOf();
    await source.seek(beginningAt(null));
    topic.send(0, frameOf('a', 1, [opened(0, null), at(1_000, 'a1'), at(2_000, 'a2')]));
    clock.pass(2_000);
    expect(namesOf(await readAll(source))).toEqual(['a1', 'a2']);
    clock.pass(30_000);
    expect(namesOf(await readAll(source))).toEqual([]);
    topic.send(0, frameOf('b', 1, [opened(33_000, { lane: 'a', lastSeq: 6 })]));
    topic.send(0, frameOf('b', 2, [at(34_000, 'b34')]));
    expect(namesOf(await readAll(source))).toEqual(['hole a/4-6', 'b34']);
  });

  test.each([30_000, 300_000])(
    'are not passed for one whose clock is %i ms ahead',
    async (aheadMs) => {
      topic.send(0, frameOf('a', 1, [opened(0, null)]));
      for (let n = 2; n <= 20; n += 1) {
        topic.send(0, frameOf('a', n, [at(n * 1_000, `a${n}`)]));
        topic.send(0, frameOf('c', n - 1, [at(n * 1_000 + aheadMs)]));
      }
      topic.send(1, frameOf('b', 1, [opened(21_000, { lane: 'a', lastSeq: 20 })]));
      for (let n = 2; n <= 40; n += 1)
        topic.send(1, frameOf('b', n, [at((20 + n) * 1_000, `b${n}`)]));
      clock.pass(3_600_000);
      const source = sourceOf();
      await source.seek(beginningAt(null));
      const names: string[] = [];
      for (let s = 0; s < 200; s += 10) {
        names.push(...namesOf(await readAll(source)));
        clock.pass(10_000);
      }
      expect(names.filter((name) => /^a\d/.test(name))).toEqual(
        Array.from({ length: 19 }, (_, n) => `a${n + 2}`),
      );
      expect(names.filter((name) => name.startsWith('hole'))).toEqual([]);
    },
  );

  test.each([0, 1])(
    'are not passed where retention took the end of one while nothing was read (%i)',
    async (partition) => {
      const source = sourceOf();
      await source.seek(beginningAt(null));
      topic.send(0, frameOf('a', 1, [opened(0, null), at(1_000, 'a1'), at(2_000, 'a2')]));
      clock.pass(2_000);
      await readAll(source);
      topic.send(0, frameOf('a', 4, [at(3_000, 'a3'), at(4_000, 'a4'), closed(5_000)]));
      take(0, 2);
      topic.send(partition, frameOf('b', 1, [opened(6_000, { lane: 'a', lastSeq: 6 })]));
      for (let n = 2; n <= 60; n += 1)
        topic.send(partition, frameOf('b', n, [at(6_000 + n * 1_000, `b${n}`)]));
      clock.pass(100_000);
      await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
    },
  );

  test('are not passed where retention took the beginning of one while nothing was read', async () => {
    const source = sourceOf();
    await source.seek(beginningAt(null));
    topic.send(0, frameOf('a', 1, [opened(0, null), at(1_000, 'a1')]));
    await readAll(source);
    topic.send(0, frameOf('b', 1, [opened(40_000, null), at(40_500, 'b1')]));
    take(0, 2);
    topic.send(0, frameOf('b', 3, [at(41_000, 'b2')]));
    clock.pass(100_000);
    await expect(readAll(source)).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
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
    for (let n = 1; n <= 9; n += 1) topic.send(0, frameOf('c', n, [at(n, `c${n}`)]));
    take(0, 5);
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
