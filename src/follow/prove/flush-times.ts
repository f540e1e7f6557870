import type { PutStretch } from '../others/put-stretch.ts';

/** Of so many spans of the TSD's flush: what was put before is flushed, and nobody takes it for what may tie any more. */
const FLUSH_SPANS = 2;

interface FlushTimesOptions {
  readonly limits: {
    /** What is received is in the topic after this time, or counts as hidden. */
    readonly visibleMsMax: number;
    /** How much the clocks of two proxies may differ. */
    readonly clockBoundMs: number;
  };
  /** How long the TSD may hold writes before it flushes them, and a margin. */
  readonly flushSpanMs: () => number;
}

/** When what was put is flushed, and when what others received until then can be seen. Times of the process: monotonic. */
export class FlushTimes {
  readonly #options: FlushTimesOptions;

  constructor(options: FlushTimesOptions) {
    this.#options = options;
  }

  isFlushed({ landedMs }: PutStretch, nowMs: number): boolean {
    return landedMs + FLUSH_SPANS * this.#options.flushSpanMs() <= nowMs;
  }

  /** Whether it is flushed, and what others received until then must be in the topic. */
  isOver(stretch: PutStretch, nowMs: number): boolean {
    const { visibleMsMax } = this.#options.limits;
    return this.contestedUntilMs(stretch) + visibleMsMax <= nowMs && this.isFlushed(stretch, nowMs);
  }

  /** What others received later can't have been put before it, nor tie with it. */
  contestedUntilMs({ landedMs }: PutStretch): number {
    const { limits, flushSpanMs } = this.#options;
    return landedMs + flushSpanMs() + limits.clockBoundMs;
  }
}
