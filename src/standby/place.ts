import { isForgotten } from '../record/lane-end.ts';
import type { LaneFrame } from '../record/lane-frame.ts';
import { readRecords } from '../record/record.ts';

/** The last record of a lane that is contained, with all before it. */
export interface LanePlace {
  readonly ordinal: number;
  readonly seq: number;
  /** Epoch ms. */
  readonly receivedAt: number;
}

/** What a target contains: everything received up to `sinceMs`, and of each lane what its own place says. */
export interface Place {
  /** Epoch ms; null: from the beginning on nothing but what the lanes say. */
  readonly sinceMs: number | null;
  /** The latest receive time of what is contained, epoch ms; null when that is nothing. */
  readonly latestMs: number | null;
  readonly lanes: ReadonlyMap<string, LanePlace>;
}

export function beginningAt(sinceMs: number | null): Place {
  return { sinceMs, latestMs: sinceMs, lanes: new Map() };
}

const NEWLINE = 0x0a;

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
    // No log goes back that far.
    if (isForgotten(receivedAt, latestMs)) lanes.delete(lane);
  }
  return { ...place, latestMs, lanes };
}

/** The records of the frame that the place lacks; undefined when it has all. */
export function lacking(
  frame: LaneFrame,
  { sinceMs, lanes }: Pick<Place, 'sinceMs' | 'lanes'>,
): LaneFrame | undefined {
  const seq = lanes.get(frame.lane)?.seq ?? 0;
  const since = sinceMs ?? -Infinity;
  if (frame.lastSeq <= seq || frame.lastReceivedAt <= since) return undefined;
  if (frame.firstSeq > seq && frame.firstReceivedAt > since) return frame;
  for (const record of readRecords(frame.body)) {
    if (record.seq <= seq || record.receivedAt <= since) continue;
    const body = frame.body.subarray(headerStart(frame.body, record.start));
    return { ...frame, firstSeq: record.seq, firstReceivedAt: record.receivedAt, body };
  }
  return undefined;
}

/** How many of the records, from the first on, were received up to then. */
export function receivedBy(frame: LaneFrame, limitMs: number): number {
  if (frame.firstReceivedAt > limitMs) return 0;
  let records = 0;
  for (const { receivedAt } of readRecords(frame.body)) {
    if (receivedAt > limitMs) break;
    records += 1;
  }
  return records;
}

/** Where the header line begins behind which a record's lines start. */
function headerStart(body: Buffer, start: number): number {
  return start < 2 ? 0 : body.lastIndexOf(NEWLINE, start - 2) + 1;
}
