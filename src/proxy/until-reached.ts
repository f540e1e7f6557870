import { comparePositions, type Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Wal } from '../wal/log.ts';

const POLL_MS = 500;
const QUICK_POLL_MS = 20;

interface ReachingOptions {
  readonly clock: Clock;
  readonly msMax: number;
  /** Where the follower stands. */
  readonly position: () => Position | undefined;
  /** Whether it can come any further. */
  readonly goesOn: () => boolean;
}

/** Settles once a follower has come to `last`, or after `msMax`, or when it goes on no more. */
export async function untilReached(
  last: Position,
  { clock, msMax, position, goesOn }: ReachingOptions,
): Promise<void> {
  const endMs = clock.monotonicMs() + msMax;
  const never = new AbortController().signal;
  while (goesOn() && clock.monotonicMs() < endMs) {
    const reached = position();
    if (reached !== undefined && comparePositions(reached, last) >= 0) return;
    await clock.sleep(QUICK_POLL_MS, never);
  }
}

interface Followed {
  readonly wal: Pick<Wal, 'recovered'>;
  /** All followers have come so far. */
  readonly passed: Position | undefined;
}

/** Settles once followers need nothing any more of what the log had at its start, or the signal aborts. */
export async function untilDrained(
  log: Followed,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { end } = log.wal.recovered;
  if (end === undefined) return;
  const last = { lane: end.lane, ordinal: end.ordinal, seq: end.lastSeq };
  while (!signal.aborted) {
    const { passed } = log;
    if (passed !== undefined && comparePositions(passed, last) >= 0) return;
    await clock.sleep(POLL_MS, signal);
  }
}
