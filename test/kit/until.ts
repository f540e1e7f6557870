import { setTimeout as sleep } from 'node:timers/promises';

/** How long a test waits for what it expects: below its limit, so that it says what was waited for. */
export const PATIENCE_MS = 150_000;
const POLL_MS = 10;

/** Resolves once it holds, looked at often unless told otherwise; rejects when it doesn't in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = holds.toString(),
  msMax = PATIENCE_MS,
  pollMs = POLL_MS,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(pollMs);
  }
}
