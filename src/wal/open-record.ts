import type { Control, Hole } from '../record/control.ts';
import type { SegmentLink } from './segment-file.ts';

export type OpenReason = (Control & { kind: 'open' })['reason'];

/** Why a lane is opened, and what its first record has to say. */
export interface Opening {
  readonly reason: OpenReason;
  readonly previous: SegmentLink | undefined;
  readonly holes: readonly Hole[];
  readonly disputed?: { readonly from: number; readonly to: number };
}

/** So that the record stays far below RECORD_BYTES_MAX. */
const HOLES_MAX = 1_000;

export function openRecord(version: string, opening: Opening): Control {
  const { reason, previous, holes, disputed } = opening;
  const closes = previous && { lane: previous.lane, lastSeq: previous.lastSeq };
  return {
    kind: 'open',
    version,
    previous: closes ?? null,
    reason,
    holes: holes.length > HOLES_MAX ? joinByLane(holes) : holes,
    ...(disputed && { disputed }),
  };
}

/** One hole a lane, from the first missing record to the last: it claims too much, never too little. */
function joinByLane(holes: readonly Hole[]): Hole[] {
  const joined = new Map<string, Hole>();
  for (const { lane, from, to, reason } of holes) {
    const before = joined.get(lane) ?? { from, to };
    joined.set(lane, {
      lane,
      from: Math.min(before.from, from),
      to: Math.max(before.to, to),
      reason: `one of many: ${reason}`,
    });
  }
  return [...joined.values()].slice(0, HOLES_MAX);
}
