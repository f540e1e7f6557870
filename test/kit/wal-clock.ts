import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  wall = 1_700_000_000_000;
  monotonic = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  now(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#sleepers.push({ until: this.monotonic + ms, wake });
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Time passes for both clocks. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.monotonic);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.monotonic);
    for (const { wake } of due) wake();
  }
}
