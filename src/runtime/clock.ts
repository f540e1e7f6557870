/** Time as a collaborator, so that tests own it. */
export interface Clock {
  /** Wall time in milliseconds since the epoch. It may jump, also backwards. */
  now(): number;

  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number;

  /** Resolves after `ms`, or as soon as `signal` aborts; never rejects, so the caller looks at its signal. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: sleepOrAbort,
};

async function sleepOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal.addEventListener('abort', settle, { once: true });
  });
}

/** Resolves when the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
