import type { Hole } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Segment } from './log-files.ts';

/** Someone's word that the log was durable up to here: the durable mark, or a cursor. */
export interface Claim extends Position {
  /** First sequence of the file that held it, at the latest. */
  readonly firstSeq: number;
}

/** The furthest claim of each lane, in log order. */
export function furthestClaims(claims: readonly Claim[]): Claim[] {
  const sorted = claims.toSorted(comparePositions);
  return sorted.filter(({ lane }, index) => sorted.findLastIndex((c) => c.lane === lane) === index);
}

/** What is gone from the end of the log, whose last file is `last`, if the claim is true. */
export function lostTail(claim: Claim, last: Segment | undefined): Hole | undefined {
  const from = firstLost(claim, last);
  if (from === undefined || claim.seq < from) return undefined;
  const reason = 'the end of the log is gone, though it was once durable';
  return { lane: claim.lane, from, to: claim.seq, reason };
}

function firstLost(claim: Claim, last: Segment | undefined): number | undefined {
  if (last === undefined) return claim.firstSeq;
  if (claim.lane === last.lane) return last.lastSeq + 1;
  // A whole lane is gone. An older one is here, so nothing of it was expired.
  return claim.ordinal > last.ordinal ? 1 : undefined;
}
