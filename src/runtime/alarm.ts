import type { Clock } from './clock.ts';

export interface Alarm {
  readonly clock: Clock;
  readonly ms: number;
  /** Called once, when the work is not done after `ms`; it goes on. */
  readonly onLate: () => void;
}

/** For what can't be cut short, as a file operation on a share whose server is gone: it settles as the work does. */
export async function withAlarm<T>(work: Promise<T>, { clock, ms, onLate }: Alarm): Promise<T> {
  const done = new AbortController();
  const watching = watch(done.signal);
  try {
    return await work;
  } finally {
    done.abort();
    await watching;
  }

  async function watch(signal: AbortSignal): Promise<void> {
    await clock.sleep(ms, signal);
    if (!signal.aborted) onLate();
  }
}
