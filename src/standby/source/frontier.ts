import type { LanePlace, Place } from '../place.ts';

/** The last that was given: its receive time, epoch ms, and its lane. */
export interface Frontier {
  readonly ms: number;
  readonly lane: string;
}

/** The last of what is contained, in the order of receive times and lanes. */
export function frontierOf({ latestMs, lanes }: Place): Frontier {
  const ms = latestMs ?? -Infinity;
  let last = '';
  for (const [lane, { seq, receivedAt }] of lanes) {
    if (seq > 0 && receivedAt === ms && lane > last) last = lane;
  }
  return { ms, lane: last };
}

export function isEarlier(a: Frontier, b: Frontier): boolean {
  return a.ms < b.ms || (a.ms === b.ms && a.lane < b.lane);
}

/** Of the place only what comes before the record that is named, in the order of receive times and lanes. */
export function placeBefore(place: Place, from: Frontier): Place {
  const lanes = new Map<string, LanePlace>();
  for (const [lane, at] of place.lanes) {
    const isBefore = !isEarlier(from, { ms: at.receivedAt, lane });
    const receivedAt = lane < from.lane ? from.ms + 1 : from.ms;
    lanes.set(lane, isBefore ? at : { ordinal: at.ordinal, seq: 0, receivedAt });
  }
  return { ...place, latestMs: from.ms, lanes };
}
