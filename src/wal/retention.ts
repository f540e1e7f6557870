import { comparePositions, type Position } from '../record/position.ts';
import type { Segment } from './log-files.ts';

/** The wall clock leapt ahead by so much, back when negative: lanes from this ordinal on go by what it says since. */
export interface ClockLeap {
  readonly ordinal: number;
  readonly ms: number;
}

export interface RetentionState {
  /** In log order; the last one is being written. */
  readonly segments: readonly Segment[];
  /** When each segment got its last record is its successor's creation. Now, epoch ms. */
  readonly now: number;
  /** Leaps of the clock by which these times go. */
  readonly leaps: readonly ClockLeap[];
  readonly retentionMs: number;
  /** What every follower has passed; undefined: one of them has passed nothing. */
  readonly passed: Position | undefined;
  /** Bytes of all segments. */
  readonly bytes: number;
  readonly bytesMax: number;
}

/**
 * The oldest segments that may go: passed by every follower, and either old enough or needed to stay
 * within the limit. Never the one being written.
 */
export function expiredSegments(state: RetentionState): Segment[] {
  const expired: Segment[] = [];
  let { bytes } = state;
  for (const [index, segment] of state.segments.entries()) {
    const next = state.segments[index + 1];
    if (next === undefined || !isPassed(segment, state.passed)) break;
    const isOld = ageOf(next, state) > state.retentionMs;
    if (!isOld && bytes <= state.bytesMax) break;
    expired.push(segment);
    bytes -= segment.bytes;
  }
  return expired;
}

/** By time that passed: a clock that says 2036 for a minute makes nothing ten years older. */
function ageOf({ ordinal, createdAt }: Segment, { now, leaps }: RetentionState): number {
  const since = leaps.filter((leap) => leap.ordinal > ordinal);
  return since.reduce((age, { ms }) => age - ms, now - createdAt);
}

function isPassed(segment: Segment, passed: Position | undefined): boolean {
  if (passed === undefined) return false;
  const last = { lane: segment.lane, ordinal: segment.ordinal, seq: segment.lastSeq };
  return comparePositions(last, passed) <= 0;
}
