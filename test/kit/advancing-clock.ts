import { type Clock, systemClock } from '../../src/runtime/clock.ts';

/** Runs as real time does, and can be moved on. */
export class AdvancingClock implements Clock {
  #advancedMs = 0;
  readonly #wake = new Set<() => void>();

  now(): number {
    return systemClock.now() + this.#advancedMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#advancedMs;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const until = this.monotonicMs() + ms;
    while (!signal.aborted && this.monotonicMs() < until) {
      const advanced = new AbortController();
      const wake = (): void => advanced.abort();
      this.#wake.add(wake);
      await systemClock.sleep(
        until - this.monotonicMs(),
        AbortSignal.any([signal, advanced.signal]),
      );
      this.#wake.delete(wake);
    }
  }

  advance(ms: number): void {
    this.#advancedMs += ms;
    for (const wake of this.#wake) wake();
  }
}
