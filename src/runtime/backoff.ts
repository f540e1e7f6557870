export interface BackoffOptions {
  /** The longest first delay. */
  readonly delayMsMin: number;
  /** No delay is longer. */
  readonly delayMsMax: number;
  /** In [0, 1), as Math.random. */
  readonly random: () => number;
}

/**
 * How long to wait before the next try: doubling up to a cap, each delay somewhere in the upper half of its range,
 * so that many clients of one server that came back do not return in step.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #rangeMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#rangeMs = options.delayMsMin;
  }

  /** The delay before the next try; each call counts as one more failure. */
  nextMs(): number {
    const delayMs = this.#rangeMs * (0.5 + this.#options.random() / 2);
    this.#rangeMs = Math.min(this.#rangeMs * 2, this.#options.delayMsMax);
    return delayMs;
  }

  /** A try succeeded: the next failure starts again from the shortest delay. */
  reset(): void {
    this.#rangeMs = this.#options.delayMsMin;
  }
}
