import type { Clock } from '../runtime/clock.ts';

/** A difference to the wall clock beyond this is a leap, not drift. */
const LEAP_MS = 1_000;
/** How fast the difference may be worn off: one hundredth of the time that passes. */
const SLEW_MAX = 0.01;

export interface Leap {
  /** The receive time reached when the leap was noticed, epoch ms; at a start that of the last record. */
  readonly from: number;
  /** The wall clock's reading then. */
  readonly to: number;
}

/**
 * Receive times: the wall clock at the start plus the monotonic clock, slewed towards the wall clock.
 * They never go back, and never jump: a wall clock that leaps is reported instead.
 */
export class ReceiveClock {
  readonly #clock: Clock;
  #baseWall: number;
  #baseMonotonic: number;
  #rate = 1;
  /** The last reading, whole milliseconds. */
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#baseWall = clock.now();
    this.#baseMonotonic = clock.monotonicMs();
  }

  /** Goes on after the last record of an earlier run, or tells that the wall clock is further behind than it drifts. */
  follow(lastMs: number): { readonly disputed?: Leap } {
    const to = Math.floor(this.#baseWall);
    if (lastMs - to > LEAP_MS) return { disputed: { from: lastMs, to } };
    this.#last = lastMs + 1;
    return {};
  }

  /** Epoch milliseconds, whole; equal or later than any read before. */
  read(): number {
    this.#last = Math.max(this.#last, Math.floor(this.#at(this.#clock.monotonicMs())));
    return this.#last;
  }

  /** Compares with the wall clock; call about once a second. Returns a leap when there was one. */
  adjust(): Leap | undefined {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonicMs();
    const exact = this.#at(monotonic);
    const behind = wall - exact;
    if (Math.abs(behind) > LEAP_MS) return { from: this.read(), to: Math.floor(wall) };
    this.#baseWall = exact;
    this.#baseMonotonic = monotonic;
    this.#rate = 1 + Math.max(-SLEW_MAX, Math.min(SLEW_MAX, behind / 1_000));
    return undefined;
  }

  /** Takes the wall clock's word after a leap. */
  accept(): void {
    this.#baseWall = this.#clock.now();
    this.#baseMonotonic = this.#clock.monotonicMs();
    this.#rate = 1;
    this.#last = 0;
  }

  #at(monotonicMs: number): number {
    return this.#baseWall + (monotonicMs - this.#baseMonotonic) * this.#rate;
  }
}
