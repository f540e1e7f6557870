/**
 * Lets records pass by their receive time: not before a delay is over, none after a time to stop at, and none while paused. A drain
 * comes before all of these.
 */
export class Gate {
  readonly delayMs: number;
  /** Epoch ms; Infinity for none. */
  readonly stopAtMs: number;
  #isPaused: boolean;
  #drainMs: number | undefined;
  #isShut = false;

  constructor(options: {
    readonly delayMs: number;
    readonly stopAtMs: number;
    readonly isPaused: boolean;
  }) {
    this.delayMs = options.delayMs;
    this.stopAtMs = options.stopAtMs;
    this.#isPaused = options.isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** What was received up to then passes, and nothing after; epoch ms. Infinity: all. Undefined: there is no drain. */
  drain(throughMs: number | undefined): void {
    this.#drainMs = throughMs;
    this.#isShut = false;
  }

  /** All that a drain needs has passed: nothing passes until another is told. */
  shut(): void {
    this.#isShut = true;
  }

  /** Nothing that was received later is ever let pass, unless a drain is begun or given up; epoch ms, Infinity for none. */
  get endMs(): number {
    return this.#drainMs ?? this.stopAtMs;
  }

  /** Whether all is to come to an end, by a drain or at a time: somebody waits for that. */
  get isEnding(): boolean {
    return this.#drainMs !== undefined || this.stopAtMs !== Infinity;
  }

  /** What was received up to then may pass; epoch ms. Without a delay the clocks of other machines don't matter. */
  limitMs(nowMs: number): number {
    if (this.#drainMs !== undefined) return this.#isShut ? -Infinity : this.#drainMs;
    if (this.#isPaused) return -Infinity;
    return Math.min(this.delayMs === 0 ? Infinity : nowMs - this.delayMs, this.stopAtMs);
  }
}
