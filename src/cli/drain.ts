import { comparePositions } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Proxy } from './proxy/proxy.ts';

const POLL_MS = 500;

/** Settles once followers need nothing any more of what the log had at its start, or the signal aborts. */
export async function untilDrained(proxy: Proxy, clock: Clock, signal: AbortSignal): Promise<void> {
  const { end } = proxy.wal.recovered;
  if (end === undefined) return;
  const last = { lane: end.lane, ordinal: end.ordinal, seq: end.lastSeq };
  while (!signal.aborted) {
    const { passed } = proxy;
    if (passed !== undefined && comparePositions(passed, last) >= 0) return;
    await clock.sleep(POLL_MS, signal);
  }
}
