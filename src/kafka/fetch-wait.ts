export interface FetchWait {
  /** Since anything came of the partitions that are asked for. */
  readonly silentMs: number;
  /** The longest that is of use: who wants to read elsewhere waits for it, too. */
  readonly msMax: number;
  /** Until the connection is given up. */
  readonly requestTimeoutMs: number;
  /** Until it is asked again who leads what. */
  readonly restMs: number;
}

/** A little longer than it takes until a proxy that runs says something: nothing is asked for in between. */
export const LIVELY_WAIT_MS = 1_200;

/** For so long it matters to know soon that nothing came: who waits for a lane gives that up after ten seconds. */
const LIVELY_MS = 15_000;

/** How long a broker may keep a fetch to which it has nothing to answer, ms. It answers at once when something comes. */
export function fetchWaitMs({ silentMs, msMax, requestTimeoutMs, restMs }: FetchWait): number {
  const wanted = silentMs < LIVELY_MS ? Math.min(LIVELY_WAIT_MS, msMax) : msMax;
  // With more than half of its timeout a slow way there and back would look like a silent broker.
  return Math.floor(Math.max(0, Math.min(wanted, requestTimeoutMs / 2, restMs)));
}
