import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LaneFrame } from '../../../src/record/lane-frame.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import { TopicSource } from '../../../src/standby/topic/topic-source.ts';
import { frameOf, type MadeRecord } from '../../kit/frames.ts';
import { FakeSharedTopic, StillClock } from './fake-shared-topic.ts';
import { placeAfter, readAll } from '../reads.ts';
import { at, closed, namesOf, opened, START_MS, valuesOf } from './topic-records.ts';

const SILENT_MS = 10_000;

let clock: StillClock;
let topic: FakeSharedTopic;

beforeEach(() => {
  clock = new StillClock(START_MS);
  topic = new FakeSharedTopic(2, clock);
});

function sourceOf(isAnyBeginningRight = false): TopicSource {
  return new TopicSource({ topic, clock, isAnyBeginningRight, onForeign: () => undefined });
}

describe('the lanes of a topic', () => {
  test('come as one, by receive time and then by lane, record by record', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(5, 'a5'), at(9, 'a9')]));
    topic.send(1, frameOf('b', 1, [at(2, 'b2'), at(5, 'b5'), at(7, 'b7'), at(20, 'b20')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a1', 'b2', 'a5', 'b5', 'b7', 'a9']);
    expect(source.heldSinceMs).toBe(START_MS + 20);
    topic.send(0, frameOf('a', 4, [at(21)]));
    expect(namesOf(await readAll(source))).toEqual(['b20']);
  });

  test('come once, however often they were sent, and from the place on', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(2, 'a2')]));
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), at(2, 'a2'), at(3, 'a3')]));
    topic.send(0, frameOf('a', 3, [at(3, 'a3'), at(4, 'a4')]));
    const lanes = new Map([['a', { ordinal: 1, seq: 1, receivedAt: START_MS + 1 }]]);
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 1, lanes });
    expect(namesOf(await readAll(source))).toEqual(['a2', 'a3', 'a4']);
    await source.seek(beginningAt(START_MS + 3));
    expect(namesOf(await readAll(source))).toEqual(['a4']);
  });

  test('are read from a minute before the place on, and no earlier', async () => {
    for (let second = 0; second < 200; second += 1) {
      topic.send(0, frameOf('a', second + 1, [at(second * 1_000, `a${second}`)]));
    }
    const lanes = new Map([['a', { ordinal: 1, seq: 198, receivedAt: START_MS + 197_000 }]]);
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 197_000, lanes });
    expect(topic.begun).toContainEqual([0, 137]);
    expect(namesOf(await readAll(source))).toEqual(['a198', 'a199']);
  });

  test('do not wait for one that was closed, nor for one that another goes on', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1'), closed(2)]));
    topic.send(0, frameOf('b', 1, [at(1, 'b1'), at(3, 'b3')]));
    topic.send(1, frameOf('c', 1, [opened(5, { lane: 'b', lastSeq: 2 }), at(9, 'c9')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a1', 'b1', 'b3', 'c9']);
  });

  test('wait for one that is cut off no longer than a while', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), at(9, 'b9')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a1']);
    clock.pass(SILENT_MS - 1);
    expect(namesOf(await readAll(source))).toEqual([]);
    clock.pass(1);
    expect(namesOf(await readAll(source))).toEqual(['b1', 'b9']);
  });

  test('that come late and have ended are given at once, as nothing more can come', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), at(9_000, 'b9')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    await readAll(source);
    clock.pass(SILENT_MS);
    expect(namesOf(await readAll(source))).toEqual(['b1', 'b9']);
    topic.send(0, frameOf('a', 2, [at(2, 'a2'), closed(3)]));
    expect(namesOf(await readAll(source))).toEqual(['again', 'a2', 'b9']);
  });

  test('wait as long as nothing can be read', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(1, frameOf('b', 1, [at(1, 'b1'), at(9, 'b9')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    await readAll(source);
    topic.hindrance = 'nobody answers';
    await expect(source.next()).rejects.toThrow('nobody answers');
    topic.hindrance = undefined;
    expect(namesOf(await readAll(source))).toEqual([]);
  });

  test.each([0, 1])(
    'come again in their order when one of partition %i was late, once it has caught up',
    async (partition) => {
      const send = (lane: string, from: number, to: number): void => {
        for (let s = from; s < to; s += 1) {
          const frame = frameOf(lane, s + 1, [at(s * 1_000, `${lane}${s}`)]);
          topic.send(lane === 'a' ? 0 : partition, frame);
        }
      };
      for (let s = 0; s < 5; s += 1) for (const lane of ['a', 'b']) send(lane, s, s + 1);
      send('a', 5, 60);
      const source = sourceOf();
      await source.seek(beginningAt(null));
      const first = await readAll(source);
      clock.pass(SILENT_MS);
      first.push(...(await readAll(source)));
      expect(namesOf(first).at(-1)).toBe('a59');
      send('b', 5, 30);
      expect(namesOf(await readAll(source))).toEqual([]);
      expect(source.heldSinceMs).toBe(START_MS + 5_000);
      send('b', 30, 60);
      for (let s = 60; s < 62; s += 1) for (const lane of ['a', 'b']) send(lane, s, s + 1);
      const later = namesOf(await readAll(source));
      const inOrder = Array.from({ length: 57 }, (_, s) => [`a${s + 5}`, `b${s + 5}`]).flat();
      const again = later.slice(later.indexOf('again') + 1);
      expect(again).toEqual(inOrder.slice(1, 1 + again.length));
      expect(again).toContain('a61');
    },
  );

  test('name what is missing of one, and go on after it', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(0, frameOf('a', 5, [at(5, 'a5')]));
    topic.send(1, frameOf('b', 1, [at(2, 'b2'), at(8, 'b8')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a1', 'b2', 'hole a/2-4', 'a5']);
  });

  test('are looked for further back before something is called missing', async () => {
    topic.send(0, frameOf('a', 1, [at(1, 'a1')]));
    topic.send(0, frameOf('a', 2, [at(2, 'a2')]));
    topic.send(0, frameOf('a', 3, [at(500_000, 'a3')]));
    const lanes = new Map([['a', { ordinal: 1, seq: 1, receivedAt: START_MS + 1 }]]);
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 499_000, lanes });
    const reads = await readAll(source);
    expect(namesOf(reads)).toEqual(['again', 'a2', 'a3']);
  });

  test('that retention took before they were read end it with what to do', async () => {
    for (let n = 1; n <= 9; n += 1) topic.send(0, frameOf('a', n, [at(n * 100_000, `a${n}`)]));
    const lanes = new Map([['a', { ordinal: 1, seq: 2, receivedAt: START_MS + 200_000 }]]);
    const [first] = topic.partitions;
    if (first !== undefined) first.low = 5;
    const source = sourceOf();
    await source.seek({ sinceMs: null, latestMs: START_MS + 200_000, lanes });
    await expect(source.next()).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
    await expect(source.next()).rejects.toMatchObject({ code: 'STANDBY_OVERTAKEN' });
  });

  test('may begin anywhere when that was asked for', async () => {
    topic.send(0, frameOf('a', 7, [at(1, 'a7')]));
    const source = sourceOf(true);
    await source.seek(beginningAt(null));
    expect(namesOf(await readAll(source))).toEqual(['a7']);
  });

  test('are complete up to no time while something is there that may be of one that nobody waits for', async () => {
    topic.send(1, frameOf('a', 1, [at(1_000, 'a1')]));
    for (let n = 1; n <= 60; n += 1) topic.send(1, frameOf('c', n, [at(n * 1_000, `c${n}`)]));
    // It was cut off from Kafka until then.
    topic.send(1, frameOf('a', 2, [at(2_000, 'a2'), at(60_000)]));
    clock.pass(3_600_000);
    const source = sourceOf();
    await source.seek(beginningAt(null));
    const reads: SourceRead[] = [];
    while (!namesOf(reads).includes('c30')) {
      const read = await source.next();
      if (read !== undefined) reads.push(read);
    }
    expect(source.completeToMs(clock.now())).toBe(-Infinity);
    reads.push(...(await readAll(source)));
    expect(namesOf(reads)).toContain('a2');
    expect(source.completeToMs(clock.now())).toBeGreaterThan(START_MS + 30_000);
  });

  test('are complete up to what the slowest has told', async () => {
    topic.send(0, frameOf('a', 1, [at(1_000, 'a1')]));
    topic.send(1, frameOf('b', 1, [at(3_000, 'b1')]));
    const source = sourceOf();
    await source.seek(beginningAt(null));
    clock.pass(60_000);
    expect(source.completeToMs(clock.now())).toBeLessThan(START_MS);
    await readAll(source);
    expect(source.completeToMs(clock.now())).toBe(START_MS + 999);
    clock.pass(SILENT_MS);
    await readAll(source);
    expect(source.completeToMs(clock.now())).toBe(clock.now() - SILENT_MS);
  });
});

/** What a target has of each instant after reads that are applied one after the other. */
function fold(reads: readonly SourceRead[]): Map<string, string> {
  const cells = new Map<string, string>();
  for (const read of reads) {
    if (read.kind !== 'frame') continue;
    for (const value of valuesOf(read.frame)) cells.set(value.split('.')[0] ?? '', value);
  }
  return cells;
}

const history = fc.record({
  lanes: fc.integer({ min: 2, max: 4 }),
  /** Of each step: who writes, how much later than before, to which instant, and whether the writer is cut off or comes back. */
  steps: fc.array(
    fc.record({
      lane: fc.nat(3),
      afterMs: fc.constantFrom(0, 1, 200, 900, 6_000),
      instant: fc.nat(3),
      isChange: fc.constantFrom(false, false, true),
    }),
    { minLength: 5, maxLength: 60 },
  ),
  restartAt: fc.nat(60),
  /** So many of the last reads are not known to be contained when it starts again. */
  unconfirmed: fc.nat(8),
});

describe('a target that is fed from a topic', () => {
  test('has of each instant what was received last, though lanes are cut off for a while', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ lanes, steps, restartAt, unconfirmed }) => {
        clock = new StillClock(START_MS);
        topic = new FakeSharedTopic(2, clock);
        let source = sourceOf();
        let place = beginningAt(null);
        await source.seek(place);
        const seqs = new Map<number, number>();
        const backlog = new Map<number, LaneFrame[]>();
        const cutOff = new Set<number>();
        const reads: SourceRead[] = [];
        const expected = new Map<string, { key: string; value: string }>();
        const flush = (lane: number): void => {
          for (const frame of backlog.get(lane) ?? []) topic.send(lane % 2, frame);
          backlog.delete(lane);
        };
        const write = (lane: number, record: MadeRecord): string => {
          const seq = (seqs.get(lane) ?? 0) + 1;
          seqs.set(lane, seq);
          const waiting = backlog.get(lane) ?? [];
          backlog.set(lane, [...waiting, frameOf(`lane${lane}`, seq, [record])]);
          return `${record.receivedAt} lane${lane} ${String(seq).padStart(6, '0')}`;
        };
        let ms = 0;
        for (const [index, step] of steps.entries()) {
          ms += step.afterMs;
          clock.pass(step.afterMs);
          const lane = step.lane % lanes;
          if (step.isChange && !cutOff.delete(lane)) cutOff.add(lane);
          const value = `${step.instant}.${index}`;
          const key = write(lane, at(ms, value));
          const before = expected.get(`${step.instant}`);
          if (before === undefined || before.key < key)
            expected.set(`${step.instant}`, { key, value });
          for (let other = 0; other < lanes; other += 1) {
            if (other !== lane) write(other, at(ms));
            if (!cutOff.has(other)) flush(other);
          }
          reads.push(...(await readAll(source)));
          if (index === restartAt) {
            place = placeAfter(place, reads.slice(0, Math.max(0, reads.length - unconfirmed)));
            source = sourceOf();
            await source.seek(place);
          }
        }
        for (let lane = 0; lane < lanes; lane += 1) {
          write(lane, at(ms + 1_000));
          flush(lane);
        }
        clock.pass(30_000);
        for (let round = 0; round < 5; round += 1) {
          reads.push(...(await readAll(source)));
          clock.pass(40_000);
        }
        const values = [...expected].map(([instant, { value }]) => [instant, value] as const);
        expect(fold(reads)).toEqual(new Map(values));
      }),
      { numRuns: 300 },
    );
  });
});
