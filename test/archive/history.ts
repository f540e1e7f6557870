import fc from 'fast-check';
import type { LaneHoldings } from '../../src/archive/holdings/coverage.ts';
import type { Span } from '../../src/archive/format/object-names.ts';
import type { Begin } from '../../src/archive/format/sidecar.ts';

/** What happened in one lane, and what of it is in the repository. */
export interface TrueLane {
  readonly lane: string;
  readonly begin: Begin;
  /** Receive times of the records from sequence 1 on. */
  readonly receivedAt: readonly number[];
  readonly objects: readonly Span[];
}

export const laneId = (n: number): string => n.toString(16).padStart(16, '0');

const laneShape = fc.record({
  /** Milliseconds after the end of the lane before it. */
  pauseMs: fc.nat(3),
  /** After which of the lanes before it: mostly the last, another when a directory was copied. */
  after: fc.nat(5).map((n) => (n < 4 ? 0 : n - 3)),
  stepsMs: fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }),
  cuts: fc.infiniteStream(fc.boolean()),
  /** 0: not archived. 1-4: archived alone. 5: merged with those before it. */
  fates: fc.infiniteStream(fc.nat(5)),
});

/** Lanes that follow each other, cut into objects of which some are missing and some are merged. */
export const history: fc.Arbitrary<readonly TrueLane[]> = fc
  .array(laneShape, { minLength: 1, maxLength: 4 })
  .map((shapes) => {
    const lanes: TrueLane[] = [];
    for (const [index, shape] of shapes.entries()) {
      const previous = lanes.at(-1 - shape.after) ?? lanes.at(-1);
      lanes.push(laneOf(index, previous, shape));
    }
    return lanes;
  });

/** Of several data directories on hosts of their own, whose lanes have numbers of their own. */
export const histories: fc.Arbitrary<readonly TrueLane[]> = fc
  .array(fc.tuple(history, fc.nat(30)), { minLength: 2, maxLength: 3 })
  .map((all) => all.flatMap(([lanes, lateMs], n) => moved(lanes, { lateMs, n })));

function moved(
  lanes: readonly TrueLane[],
  { lateMs, n }: { readonly lateMs: number; readonly n: number },
): TrueLane[] {
  const rename = (lane: string): string => `${n}${lane.slice(1)}`;
  return lanes.map(({ lane, begin, receivedAt, objects }) => ({
    lane: rename(lane),
    begin: {
      ...begin,
      lane: rename(lane),
      host: `h${n}`,
      openedAt: begin.openedAt + lateMs,
      previous: begin.previous && { ...begin.previous, lane: rename(begin.previous.lane) },
    },
    receivedAt: receivedAt.map((at) => at + lateMs),
    objects: objects.map((span) => ({
      ...span,
      fromMs: span.fromMs + lateMs,
      toMs: span.toMs + lateMs,
    })),
  }));
}

type Shape = typeof laneShape extends fc.Arbitrary<infer T> ? T : never;

function laneOf(index: number, previous: TrueLane | undefined, shape: Shape): TrueLane {
  const lane = laneId(index + 1);
  const openedAt = (previous?.receivedAt.at(-1) ?? 1_000) + shape.pauseMs;
  let time = openedAt;
  const receivedAt = shape.stepsMs.map((step, n) => (n === 0 ? time : (time += step)));
  const begin: Begin = {
    lane,
    ordinal: index + 1,
    firstSeq: 1,
    openedAt,
    previous: previous ? { lane: previous.lane, lastSeq: previous.receivedAt.length } : null,
    reason: 'start',
    disputed: null,
    host: 'h',
  };
  return { lane, begin, receivedAt, objects: objectsOf(receivedAt, shape) };
}

function objectsOf(receivedAt: readonly number[], { cuts, fates }: Shape): Span[] {
  const timeOf = (seq: number): number => receivedAt[seq - 1] ?? 0;
  const objects: Span[] = [];
  let firstSeq = 1;
  for (let seq = 1; seq <= receivedAt.length; seq += 1) {
    if (cuts.next().value !== true && seq < receivedAt.length) continue;
    const span = {
      firstSeq,
      lastSeq: seq,
      fromMs: timeOf(Math.max(1, firstSeq - 1)),
      toMs: timeOf(seq),
    };
    const fate = Number(fates.next().value);
    const before = objects.at(-1);
    if (fate > 0) objects.push(span);
    if (fate === 5 && before?.lastSeq === firstSeq - 1) {
      objects.push({ ...span, firstSeq: before.firstSeq, fromMs: before.fromMs });
    }
    firstSeq = seq + 1;
  }
  return objects;
}

/** The same lane of a topic: no later one tells that its turn is over. */
export function ofTopic(lane: TrueLane): TrueLane {
  return { ...lane, begin: { ...lane.begin, topic: 't' } };
}

/** The repository's view of a history. */
export function holdingsOf(lanes: readonly TrueLane[]): { lanes: Map<string, LaneHoldings> } {
  return {
    lanes: new Map(lanes.map(({ lane, begin, objects }) => [lane, { begin, objects, holes: [] }])),
  };
}
