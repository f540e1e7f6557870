import type { NewTerm } from '../follow/primary-choice.ts';
import type { Fork, UndoneRange } from '../record/fork.ts';
import { type Contained, isBeginning, lastContained, type LaneEnd } from '../record/lane-end.ts';
import type { Position } from '../record/position.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import { disputedEnds } from '../wal/disputed-ends.ts';
import { endsAt } from '../wal/ends-at.ts';
import { laneEnds } from '../wal/lane-ends.ts';
import type { Wal } from '../wal/log.ts';

/** What is to become the primary. */
export interface Successor extends NewTerm {
  readonly contained: Contained;
}

/**
 * After which record of the log a successor is to be fed. `held`: the lanes up to where something may have been sent to what it follows.
 * Throws PROMOTE_REFUSED when the log does not have all that it lacks, or the fork does not name all that it is not to have.
 */
export async function beginOf(
  wal: Wal,
  held: readonly LaneEnd[],
  { contained, fork }: Omit<Successor, 'since'>,
): Promise<Position> {
  if (fork === undefined) {
    const ends = await disputedEnds(wal, laneEnds(wal.segments, wal.durable, wal.now()));
    return beginIn(ends, contained, ends[0]);
  }
  const { lanes, later } = await endsAt(wal, held, fork.at);
  const left = later.find((range) => !isNamed(range, fork));
  if (left === undefined) return beginIn(lanes, contained, held[0]);
  throw refused(
    `lane ${left.lane} has records ${left.from} to ${left.to} since ${formatInstant(fork.at)}, and the fork does not name them`,
    'It was made without this proxy: hold all of them, and make it anew.',
  );
}

function beginIn(
  ends: readonly LaneEnd[],
  contained: Contained,
  oldest: LaneEnd | undefined,
): Position {
  const begin = lastContained(ends, contained);
  const isAllHere = oldest === undefined || isBeginning(oldest);
  const { lane = '', ordinal = 0, firstSeq = 1 } = oldest ?? {};
  const from = { lane, ordinal, seq: firstSeq - 1 };
  if (begin === undefined && isAllHere) return from;
  if (begin !== undefined && (begin.ordinal > ordinal || begin.seq >= from.seq)) return begin;
  throw refused(
    `the log begins with ${lane}/${firstSeq}, and the standby does not contain all that was before it`,
    'Let the standby follow this log, or its topic, until it has caught up.',
  );
}

function isNamed({ lane, from, to }: UndoneRange, { undone }: Fork): boolean {
  return undone.some((range) => range.lane === lane && range.from <= from && range.to >= to);
}

function refused(message: string, hint: string): WalError {
  return new WalError('PROMOTE_REFUSED', message, { hint });
}
