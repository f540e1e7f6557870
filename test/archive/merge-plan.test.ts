import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outermost, uniteSpans } from '../../src/archive/holdings/lane-spans.ts';
import { lastSequences, type Merge, planDay } from '../../src/archive/merge/merge-plan.ts';
import { formatSidecarName, type SegmentName } from '../../src/archive/format/object-names.ts';
import type { Begin } from '../../src/archive/format/sidecar.ts';
import { laneId } from './history.ts';
import { dayOf, mergeAll, planLane } from './kit/plan-lane.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DAY_START = Date.parse('2025-03-04T00:00:00Z');

interface Truth {
  /** Every minute segment that the lane is cut into. */
  readonly minutes: readonly SegmentName[];
  readonly lastSeq: number;
}

const truths: fc.Arbitrary<Truth> = fc
  .record({
    startMs: fc.constantFrom(0, 22.5 * HOUR_MS, 23.9 * HOUR_MS),
    cuts: fc.array(
      fc.record({
        records: fc.integer({ min: 1, max: 3 }),
        stepMs: fc.constantFrom(
          0,
          MINUTE_MS,
          10 * MINUTE_MS,
          10 * MINUTE_MS,
          31 * MINUTE_MS,
          HOUR_MS,
          DAY_MS,
        ),
      }),
      { minLength: 1, maxLength: 24 },
    ),
  })
  .map(({ startMs, cuts }) => truthOf(DAY_START + startMs, cuts));

function truthOf(
  startMs: number,
  cuts: readonly { readonly records: number; readonly stepMs: number }[],
): Truth {
  let lastSeq = 0;
  let toMs = startMs;
  const minutes = cuts.map(({ records, stepMs }): SegmentName => {
    const firstSeq = lastSeq + 1;
    const fromMs = toMs;
    lastSeq += records;
    toMs += stepMs;
    return { lane: laneId(1), level: 'minute', firstSeq, lastSeq, fromMs, toMs };
  });
  return { minutes, lastSeq };
}

const namesOf = (merges: readonly Merge[]): string[] =>
  merges.map(({ segment }) => formatSidecarName(segment));

const hourOf = ({ toMs }: SegmentName): number => Math.floor(toMs / HOUR_MS);

describe('mergers', () => {
  test('never make segments that contradict each other, whatever each of them sees, and when it acts on it', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('commit' as const), which: fc.nat() }),
        fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
        // A listing that is under way for long may show or not show what came or went meanwhile.
        fc.record({
          kind: fc.constant('look' as const),
          merger: fc.nat(1),
          sees: fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
          isEndKnown: fc.boolean(),
        }),
        fc.record({
          kind: fc.constant('merge' as const),
          merger: fc.nat(1),
          commits: fc.infiniteStream(fc.integer({ min: 1, max: 4 })),
        }),
      ),
      { minLength: 10, maxLength: 40, size: 'max' },
    );
    await fc.assert(
      fc.asyncProperty(truths, fc.nat(), steps, async ({ minutes, lastSeq }, early, ops) => {
        const ever = new Map<string, SegmentName>();
        const present = new Set<string>();
        const plans: Merge[][] = [[], []];
        const add = (segment: SegmentName): void => {
          ever.set(formatSidecarName(segment), segment);
          present.add(formatSidecarName(segment));
        };
        for (const minute of minutes.slice(0, early % minutes.length)) add(minute);
        for (const op of ops) {
          if (op.kind === 'commit') add(pick(minutes, op.which));
          else if (op.kind === 'remove') present.delete(pick([...present, ''], op.which));
          else if (op.kind === 'merge') {
            const merges = (plans[op.merger] ?? []).filter(() => op.commits.next().value !== 1);
            for (const { segment } of merges) add(segment);
          } else {
            const seen = [...ever].filter(([name]) => {
              const chance = Number(op.sees.next().value);
              return present.has(name) ? chance > 1 : chance === 1;
            });
            const end = op.isEndKnown ? lastSeq : undefined;
            plans[op.merger] = await planLane(
              seen.map(([, segment]) => segment),
              end,
            );
          }
        }
        expect(uniteSpans([...ever.values()]).conflicts).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('that see the same merge the same', async () => {
    await fc.assert(
      fc.asyncProperty(truths, async ({ minutes, lastSeq }) => {
        const one = namesOf(await planLane(minutes, lastSeq));
        expect(namesOf(await planLane(minutes.toReversed(), lastSeq))).toEqual(one);
      }),
    );
  });

  test('leave one segment of every day of a lane that ended, and copy none', async () => {
    await fc.assert(
      fc.asyncProperty(truths, async ({ minutes, lastSeq }) => {
        const all = await mergeAll(minutes, lastSeq);
        const outer = outermost(all);
        expect(outer.map(dayOf)).toEqual([...new Set(minutes.map(dayOf))]);
        const spans = all.map(({ firstSeq, lastSeq: last }) => `${firstSeq}-${last}`);
        expect(new Set(spans).size).toBe(spans.length);
        expect(uniteSpans(outer).covered).toEqual(uniteSpans(minutes).covered);
      }),
    );
  });

  test('take whole segments of one hour or day, without a gap, and what the merged one says is what they say', async () => {
    await fc.assert(
      fc.asyncProperty(truths, fc.array(fc.boolean()), async ({ minutes, lastSeq }, gone) => {
        const there = minutes.filter((_, n) => gone[n] !== true);
        const all = [...there];
        for (
          let merges = await planLane(all, lastSeq);
          merges.length > 0;
          merges = await planLane(all, lastSeq)
        ) {
          for (const { segment, inputs } of merges) {
            all.push(segment);
            const { covered } = uniteSpans(inputs);
            const { firstSeq, lastSeq: last, fromMs, toMs, level } = segment;
            expect(covered).toEqual([{ firstSeq, lastSeq: last, fromMs, toMs }]);
            const unit: (of: SegmentName) => string | number = level === 'hour' ? hourOf : dayOf;
            expect(new Set(inputs.map(unit))).toEqual(new Set([unit(segment)]));
            // Nothing of that hour or day is outside of it, be it there or not.
            const whole = minutes.filter((minute) => unit(minute) === unit(segment));
            expect(uniteSpans(whole).covered).toEqual(covered);
          }
        }
      }),
    );
  });
});

function pick<T>(from: readonly T[], which: number): T {
  const found = from[which % from.length];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

const minutesOf = (count: number, stepMs = 10 * MINUTE_MS, startMs = DAY_START): SegmentName[] => [
  ...truthOf(
    startMs,
    Array.from({ length: count }, () => ({ records: 2, stepMs })),
  ).minutes,
];

const told = (merges: readonly Merge[]): string[] =>
  merges.map(({ segment: { level, firstSeq, lastSeq } }) => `${level} ${firstSeq}-${lastSeq}`);

describe('an hour', () => {
  test('is merged once something after it is committed, or its lane has ended there', async () => {
    // The first five end in the first hour, the sixth at the next one's start.
    const five = minutesOf(5);
    expect(told(await planLane(five, undefined))).toEqual([]);
    expect(told(await planLane(five, 12))).toEqual([]);
    expect(told(await planLane(five, 10))).toEqual(['hour 1-10']);
    expect(told(await planLane(minutesOf(6), undefined))).toEqual(['hour 1-10']);
  });

  test('with a hole stays in minutes until the hole is filled, and so does its neighbour at the edge of a hole', async () => {
    const all = minutesOf(18);
    expect(told(await planLane(all, undefined))).toEqual(['hour 1-10', 'hour 11-22', 'hour 23-34']);
    const without = (...gone: number[]) => all.filter((_, n) => !gone.includes(n));
    expect(told(await planLane(without(2), undefined))).toEqual(['hour 11-22', 'hour 23-34']);
    expect(told(await planLane(without(4), undefined))).toEqual(['hour 23-34']);
  });

  test('of a lane whose begin is not known is merged from the second one on', () => {
    const segments = minutesOf(18);
    const edges = { lastSeqBefore: undefined, firstSeqAfter: undefined };
    expect(told(planDay({ segments, edges }))).toEqual(['hour 11-22', 'hour 23-34']);
  });

  test('is one segment for an idle lane with six of them, as for a busy one with hundreds', async () => {
    for (const stepMs of [10 * MINUTE_MS, 5_000]) {
      const minutes = minutesOf((2 * HOUR_MS) / stepMs, stepMs);
      const merged = await mergeAll(minutes, undefined);
      expect(merged.filter(({ level }) => level === 'hour')).toHaveLength(2);
    }
  });
});

describe('a day', () => {
  test('is merged when its hours are, and something after it is committed', async () => {
    const minutes = minutesOf(6 * 24 - 1);
    expect((await mergeAll(minutes, undefined)).filter(({ level }) => level === 'day')).toEqual([]);
    const next = await mergeAll(minutesOf(6 * 24), undefined);
    const [day] = outermost(next);
    expect(day).toMatchObject({ level: 'day', firstSeq: 1, lastSeq: 286, fromMs: DAY_START });
  });

  test('takes hours of one segment as they are', async () => {
    const minutes = minutesOf(26, HOUR_MS);
    expect(told(await planLane(minutes, undefined))).toEqual(['day 1-46']);
  });

  test('is left alone when segments in it contradict each other', async () => {
    const minutes = minutesOf(18);
    const [one, two, three] = minutes;
    if (one === undefined || two === undefined || three === undefined) return;
    const foreign = { ...two, firstSeq: two.lastSeq, lastSeq: three.lastSeq, toMs: three.toMs };
    expect(told(await planLane([...minutes, foreign], undefined))).toEqual([]);
  });

  test('is one name in the end, and what is not over yet a few', async () => {
    const merged = outermost(await mergeAll(minutesOf(6 * 24 * 4 + 6), undefined));
    const levels = merged.map(({ level }) => level);
    expect(levels).toEqual(['day', 'day', 'day', 'day', 'hour', 'minute']);
  });
});

const begin = (lane: number, previous: number, lastSeq: number): Begin => ({
  lane: laneId(lane),
  ordinal: lane,
  firstSeq: 1,
  openedAt: 1,
  previous: { lane: laneId(previous), lastSeq },
  reason: 'start',
  disputed: null,
  host: 'h',
});

test('the end of a lane is known when all that follow it agree', () => {
  const ends = lastSequences([begin(2, 1, 7), begin(3, 2, 5), begin(4, 2, 6), begin(5, 2, 5)]);
  expect(ends).toEqual(new Map([[laneId(1), 7]]));
});
