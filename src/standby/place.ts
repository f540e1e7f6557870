import { isForgotten } from '../record/lane-end.ts';
import type { LaneFrame } from '../record/lane-frame.ts';
import { splitAtMs, splitAtSeq } from './frame-parts.ts';

/** The last record of a lane that is contained, with all before it. */
export interface LanePlace {
  readonly ordinal: number;
  /** 0: all that was received before `receivedAt`, and nothing after that. */
  readonly seq: number;
  /** Epoch ms. */
  readonly receivedAt: number;
}

/**
 * What a target contains: of each lane what its own place says; of all others everything received up to `sinceMs`, and all of those that
 * ended 90 days before the latest.
 */
export interface Place {
  /** Epoch ms; null: nothing of them. */
  readonly sinceMs: number | null;
  /** The latest receive time of what is contained, epoch ms; null when that is nothing. */
  readonly latestMs: number | null;
  readonly lanes: ReadonlyMap<string, LanePlace>;
}

export function beginningAt(sinceMs: number | null): Place {
  return { sinceMs, latestMs: sinceMs, lanes: new Map() };
}

/** The place with the records up to these contained, too. */
export function withLanes(place: Place, more: ReadonlyMap<string, LanePlace>): Place {
  if (more.size === 0) return place;
  const lanes = new Map(place.lanes);
  let latestMs = place.latestMs ?? 0;
  for (const [lane, at] of more) {
    lanes.set(lane, at);
    latestMs = Math.max(latestMs, at.receivedAt);
  }
  for (const [lane, { receivedAt }] of lanes) {
    // One a start would be without end.
    if (isForgotten(receivedAt, latestMs)) lanes.delete(lane);
  }
  return { ...place, latestMs, lanes };
}

/** What of the place the other one has, too; lanes that this doesn't name stay. */
export function withoutLater(place: Place, other: Place): Place {
  const lanes = new Map(place.lanes);
  for (const [lane, at] of lanes) {
    const least = other.lanes.get(lane);
    if (least !== undefined && isLess(least, at)) lanes.set(lane, least);
  }
  const latestMs = Math.min(place.latestMs ?? -Infinity, other.latestMs ?? -Infinity);
  return { ...place, latestMs: latestMs === -Infinity ? null : latestMs, lanes };
}

function isLess(a: LanePlace, b: LanePlace): boolean {
  if (a.seq > 0 && b.seq > 0) return a.seq < b.seq;
  return a.receivedAt < b.receivedAt || (a.receivedAt === b.receivedAt && a.seq === 0);
}

/** Whether it lacks something of a lane that goes on to this record, which was received at that time, epoch ms. */
export function isLacking(
  { sinceMs, latestMs, lanes }: Place,
  lane: string,
  last: LastRecord,
): boolean {
  const at = lanes.get(lane);
  if (at !== undefined) return at.seq === 0 ? last.toMs >= at.receivedAt : last.lastSeq > at.seq;
  return last.toMs > (sinceMs ?? -Infinity) && !isForgotten(last.toMs, latestMs ?? -Infinity);
}

interface LastRecord {
  readonly lastSeq: number;
  readonly toMs: number;
}

/** The records of the frame that the place lacks; undefined when it has all. */
export function lacking(
  frame: LaneFrame,
  { sinceMs, lanes }: Pick<Place, 'sinceMs' | 'lanes'>,
): LaneFrame | undefined {
  const at = lanes.get(frame.lane);
  if (at === undefined) return sinceMs === null ? frame : splitAtMs(frame, sinceMs).rest;
  if (at.seq === 0) return splitAtMs(frame, at.receivedAt - 1).rest;
  return splitAtSeq(frame, at.seq).rest;
}
