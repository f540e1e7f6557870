import { fieldsOf, isNumber, isNumberOrNull } from './fields.ts';
import type { Position } from './position.ts';

/** How far a lane goes that the log of one data directory has. */
export interface LaneEnd {
  readonly lane: string;
  readonly ordinal: number;
  /** The first of its records that the log still has, and the last. */
  readonly firstSeq: number;
  readonly seq: number;
  /** All of it was received by then, epoch ms. */
  readonly receivedBy: number;
}

/** What an OpenTSDB contains: of each lane what is said of it; of all others everything received up to `sinceMs`. */
export interface Contained {
  /** Epoch ms; null: nothing of them. */
  readonly sinceMs: number | null;
  /** The latest receive time of what is contained, epoch ms; null when that is nothing. */
  readonly latestMs: number | null;
  /** By lane, the last record that is contained, with all before it; 0: what was received before `receivedAt`, epoch ms. */
  readonly lanes: ReadonlyMap<string, { readonly seq: number; readonly receivedAt: number }>;
}

/** Whether nothing was ever before it in the log of its directory. */
export function isBeginning({ ordinal, firstSeq }: Pick<LaneEnd, 'ordinal' | 'firstSeq'>): boolean {
  return ordinal === 1 && firstSeq === 1;
}

/** From JSON; undefined when it is something else. */
export function parseLaneEnds(value: unknown): readonly LaneEnd[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const ends: LaneEnd[] = [];
  for (const one of value as readonly unknown[]) {
    const { lane, ordinal, firstSeq, seq, receivedBy } = fieldsOf(one);
    if (typeof lane !== 'string' || !isNumber(ordinal)) return undefined;
    if (!isNumber(firstSeq) || !isNumber(seq) || !isNumber(receivedBy)) return undefined;
    ends.push({ lane, ordinal, firstSeq, seq, receivedBy });
  }
  return ends;
}

/** From JSON, as a drain answers it: `lanes` is a list there. Undefined when it is something else. */
export function parseContained(value: unknown): Contained | undefined {
  const { sinceMs, latestMs, lanes } = fieldsOf(value);
  if (!isNumberOrNull(sinceMs) || !isNumberOrNull(latestMs)) return undefined;
  if (!Array.isArray(lanes)) return undefined;
  const known = new Map<string, { readonly seq: number; readonly receivedAt: number }>();
  for (const one of lanes as readonly unknown[]) {
    const { lane, seq, receivedAt } = fieldsOf(one);
    if (typeof lane !== 'string' || !isNumber(seq) || !isNumber(receivedAt)) return undefined;
    known.set(lane, { seq, receivedAt });
  }
  return { sinceMs, latestMs, lanes: known };
}

/** What is contained of a lane is no longer said once its last record was received so long before the latest one. */
const LANE_MS_MAX = 90 * 86_400_000;

export function isForgotten(receivedAt: number, latestMs: number): boolean {
  return receivedAt < latestMs - LANE_MS_MAX;
}

/** The last record of the lane that is contained, with all before it; 0 for none. */
function containedOf(end: LaneEnd, { sinceMs, latestMs, lanes }: Contained): number {
  const { lane, seq, receivedBy } = end;
  const at = lanes.get(lane);
  if (at !== undefined) return at.seq === 0 && receivedBy < at.receivedAt ? seq : at.seq;
  const isOld = receivedBy <= (sinceMs ?? -Infinity);
  return isOld || isForgotten(receivedBy, latestMs ?? -Infinity) ? seq : 0;
}

/** Those of which something is not contained. */
export function lackingOf(ends: readonly LaneEnd[], contained: Contained): LaneEnd[] {
  return ends.filter((end) => containedOf(end, contained) < end.seq);
}

/**
 * Where a follower goes on that is to bring the rest of a log: everything up to there is contained. Undefined: nothing of the oldest
 * lane is. The lanes are those of one log, in its order.
 */
export function lastContained(
  ends: readonly LaneEnd[],
  contained: Contained,
): Position | undefined {
  let last: Position | undefined;
  for (const end of ends) {
    const { lane, ordinal } = end;
    const seq = Math.min(containedOf(end, contained), end.seq);
    if (seq > 0) last = { lane, ordinal, seq };
    if (seq < end.seq) break;
  }
  return last;
}
