/** So much may pass early, so that not every few points need a timer of their own. */
const AHEAD_MS = 50;

/** Lets so many points a second pass, in steps that may be larger than what is left: the next then waits longer. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  #freeAt: number;

  /** `perSecond`: Infinity for no limit. `now`: milliseconds that never go back. */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#freeAt = now();
  }

  get isSet(): boolean {
    return this.#perSecond < Infinity;
  }

  /** Milliseconds until more may pass; 0: now. */
  get waitMs(): number {
    return Math.max(0, this.#freeAt - this.#now() - AHEAD_MS);
  }

  take(points: number): void {
    // What was not used does not add up to a burst.
    const from = Math.max(this.#freeAt, this.#now());
    this.#freeAt = from + (points * 1_000) / this.#perSecond;
  }
}
