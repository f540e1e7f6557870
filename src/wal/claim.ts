import type { Hole } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Segment } from './log-files.ts';

/** What a cursor, the durable mark or a repository says of how far the log was durable. A log that ends before that has lost its end. */
export interface Claim extends Position {
  /** First sequence of the file that held it, at the latest. */
  readonly firstSeq: number;
  /** `end`: of the durable mark, nothing came after it. `least`: of who reads the log, or knows of a lane: more may have come. */
  readonly kind: 'end' | 'least';
}

/** Who reads the log, and how far it has come. */
export interface FollowerPlace {
  /** What became of the records up to there, in words. */
  readonly did: string;
  /** Undefined: it has not begun. */
  readonly position: Position | undefined;
}

/** The furthest claim of each lane, in log order; of equal ones the last. */
export function furthestClaims(claims: readonly Claim[]): Claim[] {
  const sorted = claims.toSorted(comparePositions);
  return sorted.filter(({ lane }, index) => sorted.findLastIndex((c) => c.lane === lane) === index);
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * What is gone from the end of the log, whose last file is `last`, if the claim is true; some of it may have expired where no file is left.
 * Where nobody knows how much came after a claim, one record stands for that.
 */
export function lostTail(claim: Claim, last: Segment | undefined): Range | undefined {
  const from = firstLost(claim, last);
  if (from === undefined) return undefined;
  const isReached = claim.lane === last?.lane && claim.seq < from;
  const to = claim.kind === 'end' || isReached ? claim.seq : claim.seq + 1;
  return to < from ? undefined : { from, to };
}

function firstLost(claim: Claim, last: Segment | undefined): number | undefined {
  if (claim.lane === last?.lane) return last.lastSeq + 1;
  // A whole lane is gone. Where an older one is here, nothing of it was expired.
  return claim.ordinal > (last?.ordinal ?? 0) ? 1 : undefined;
}

/** What of the lost tail somebody still needed, and what became of its records; undefined when all had passed it. */
export function tailHole(
  claim: Claim,
  { from, to }: Range,
  { followers, isLogEmpty }: { readonly followers: readonly FollowerPlace[]; isLogEmpty: boolean },
): Hole | undefined {
  const passed = followers.map(({ position }) => passedOf(claim, position));
  // Where no file is left, what all have passed may as well have expired; what one had not is kept for it.
  const kept = passed.length > 0 ? Math.min(...passed) + 1 : claim.firstSeq;
  const needed = isLogEmpty ? kept : from;
  if (needed > to) return undefined;
  const { lane, seq } = claim;
  const after = seq === 0 ? 'of it there was' : `came after ${seq}`;
  const known =
    claim.kind === 'end' ? 'though it was once durable' : `and how much ${after} is not known`;
  const places = followers.map(({ did }, index) => tellPlace(did, passed[index] ?? 0));
  const told = places.length === 0 ? '' : `; ${places.join(', ')}`;
  const reason = `the end of the log is gone, ${known}${told}`;
  return { lane, from: needed, to, reason };
}

/** Up to which record of a claim's lane a follower had come. */
function passedOf({ lane, ordinal }: Claim, position: Position | undefined): number {
  if (position === undefined || position.ordinal < ordinal) return 0;
  return position.lane === lane ? position.seq : Infinity;
}

function tellPlace(did: string, seq: number): string {
  if (seq === Infinity) return `all of it ${did}`;
  return seq === 0 ? `nothing of it ${did}` : `${did} up to ${seq}`;
}
