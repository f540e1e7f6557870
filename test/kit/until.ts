import { setTimeout as sleep } from 'node:timers/promises';

/** Below the limit of a unit test, so that it says what was waited for. */
const MS_MAX = 50_000;
const POLL_MS = 10;

/** Resolves once it holds, looked at often unless told otherwise; rejects when it doesn't in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = holds.toString(),
  msMax = MS_MAX,
  pollMs = POLL_MS,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(pollMs);
  }
}
