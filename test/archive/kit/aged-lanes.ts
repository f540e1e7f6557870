import fc from 'fast-check';
import { outermost } from '../../../src/archive/holdings/lane-spans.ts';
import type { SegmentName } from '../../../src/archive/format/object-names.ts';
import type { Begin } from '../../../src/archive/format/sidecar.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { putBegin, putEmptySegment } from '../../kit/repository.ts';
import { laneId } from '../history.ts';
import { dayOf, mergeAll } from './plan-lane.ts';

const START = Date.parse('2025-02-26T12:00:00Z');
const QUARTER_MS = 900_000;

/** A lane as it came to be in a repository: some of it late, or never, and some gone again. */
export interface AgedLane {
  readonly begin: Begin;
  readonly segments: readonly SegmentName[];
  /** What the lane after it says; it may have more. */
  readonly lastSeq: number;
}

const STEPS_MAX = 40;

const shape = fc.record({
  /** Quarters of an hour from a segment to the next. */
  steps: fc.array(fc.constantFrom(0, 1, 2, 2, 3, 20, 50), { minLength: 1, maxLength: STEPS_MAX }),
  /** Of each: never archived, archived when the others were merged, or in time. */
  fates: fc.array(fc.constantFrom('never', 'late', 'late', ...Array<string>(9).fill('in time')), {
    minLength: STEPS_MAX,
    maxLength: STEPS_MAX,
  }),
  /** Which of all levels are gone, in the order in which they came. */
  gone: fc.array(fc.nat(3 * STEPS_MAX), { maxLength: 6 }),
  /** Days of which somebody made a segment too early, as no merger does: the first parts, and how many. */
  early: fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 3 })), { maxLength: 2 }),
  /** Whether the lane after it says that it ended before. */
  isBeyond: fc.constantFrom(true, false, false, false),
  /** Whether it follows the one before. */
  isNext: fc.boolean(),
});

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

export const laneShapes = fc.array(shape, { minLength: 1, maxLength: 3 });

/** Lanes over some days, with all that can be merged, and what was merged too early, too late or not at all. */
export async function ageLanes(shapes: readonly Shape[]): Promise<readonly AgedLane[]> {
  const lanes: AgedLane[] = [];
  for (const [index, one] of shapes.entries()) {
    const last = lanes.at(-1);
    lanes.push(await laneOf(index, one, one.isNext ? last : undefined, shapes[index + 1]));
  }
  return lanes;
}

async function laneOf(
  index: number,
  { steps, fates, early, gone, isBeyond }: Shape,
  previous: AgedLane | undefined,
  next: Shape | undefined,
): Promise<AgedLane> {
  const lane = laneId(index + 1);
  const openedAt = START + index * 50 * QUARTER_MS;
  const minutes: SegmentName[] = [];
  let toMs = openedAt;
  for (const [n, step] of steps.entries()) {
    const fromMs = toMs;
    toMs += step * QUARTER_MS;
    minutes.push({
      lane,
      level: 'minute',
      firstSeq: n * 10 + 1,
      lastSeq: n * 10 + 10,
      fromMs,
      toMs,
    });
  }
  const inTime = minutes.filter((_, n) => fates[n] === 'in time');
  const isEnded = next?.isNext === true;
  const lastSeq = minutes.length * 10 - (isBeyond ? 10 : 0);
  const merged = await mergeAll(inTime, isEnded ? lastSeq : undefined);
  const late = minutes.filter((_, n) => fates[n] === 'late');
  const begin: Begin = {
    lane,
    ordinal: index + 1,
    firstSeq: 1,
    openedAt,
    previous:
      previous === undefined ? null : { lane: previous.begin.lane, lastSeq: previous.lastSeq },
    reason: 'start',
    disputed: null,
    host: 'h',
  };
  const all = withEarly([...merged, ...late], early);
  const segments = all.filter((_, n) => !gone.includes(n));
  return { begin, segments, lastSeq };
}

function withEarly(segments: readonly SegmentName[], early: Shape['early']): SegmentName[] {
  const all = [...segments];
  for (const [at, count] of early) {
    const parts = outermost(all);
    const first = parts[at % parts.length];
    if (first === undefined || first.level === 'day') continue;
    let last = first;
    for (const part of parts) {
      const isNext =
        part.firstSeq === last.lastSeq + 1 && part.firstSeq < first.firstSeq + count * 20;
      if (isNext && part.level !== 'day' && dayOf(part) === dayOf(first)) last = part;
    }
    // What is one segment already is not merged.
    if (last !== first)
      all.push({ ...first, level: 'day', lastSeq: last.lastSeq, toMs: last.toMs });
  }
  return all;
}

export async function putAged(store: ObjectStore, lanes: readonly AgedLane[]): Promise<void> {
  for (const { begin, segments } of lanes) {
    await putBegin(store, begin);
    for (const segment of segments) await putEmptySegment(store, segment);
  }
}
