import { type Clock, systemClock } from '../../src/runtime/clock.ts';

/** Runs as real time does, and can be moved on. */
export class SkippingClock implements Clock {
  #skippedMs = 0;
  readonly #wake = new Set<() => void>();

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#skippedMs;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const until = this.monotonicMs() + ms;
    while (!signal.aborted && this.monotonicMs() < until) {
      const skipped = new AbortController();
      const wake = (): void => skipped.abort();
      this.#wake.add(wake);
      await systemClock.sleep(
        until - this.monotonicMs(),
        AbortSignal.any([signal, skipped.signal]),
      );
      this.#wake.delete(wake);
    }
  }

  skip(ms: number): void {
    this.#skippedMs += ms;
    for (const wake of this.#wake) wake();
  }
}
