import type { LaneHoldings } from '../../src/archive/holdings/coverage.ts';
import type { Span } from '../../src/archive/format/object-names.ts';
import type { Begin, HoleMarker } from '../../src/archive/format/sidecar.ts';
import { laneId } from './history.ts';

/** Of the lane number `n`. */
export const beginOf = (n: number, openedAt: number, fields: Partial<Begin> = {}): Begin => ({
  lane: laneId(n),
  ordinal: n,
  firstSeq: 1,
  openedAt,
  previous: null,
  reason: 'start',
  disputed: null,
  host: 'h',
  ...fields,
});

export const spanOf = (firstSeq: number, lastSeq: number, fromMs: number, toMs: number): Span => {
  return { firstSeq, lastSeq, fromMs, toMs };
};

export const markerOf = (
  firstSeq: number,
  lastSeq: number,
  fields: Partial<HoleMarker> = {},
): HoleMarker => ({
  lane: laneId(1),
  firstSeq,
  lastSeq,
  fromMs: 200,
  toMs: 300,
  reason: 'the disk lost it',
  notedAt: 400,
  ...fields,
});

export const lanesOf = (...lanes: readonly (Partial<LaneHoldings> & { begin: Begin })[]) => ({
  lanes: new Map(
    lanes.map((lane) => [lane.begin.lane, { objects: [], holes: [], ...lane }] as const),
  ),
});
