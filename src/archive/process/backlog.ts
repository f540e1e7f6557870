import type { Clock } from '../../runtime/clock.ts';

const LIMITS = {
  /** Segments that are archived so long after their last record are of a backlog. */
  ageMsMax: 180_000,
  /** When none was archived for so long, there is none, or it can't be archived. */
  pauseMsMax: 10_000,
} as const;

/** Tells whether an archiver is catching up, so that what has time waits. */
export class Backlog {
  readonly #clock: Clock;
  #ageMs = 0;
  #archivedMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `toMs`: the receive time of the segment's last record, epoch ms. */
  archived(toMs: number): void {
    this.#ageMs = this.#clock.now() - toMs;
    this.#archivedMs = this.#clock.monotonicMs();
  }

  isBehind(): boolean {
    const pauseMs = this.#clock.monotonicMs() - this.#archivedMs;
    return this.#ageMs > LIMITS.ageMsMax && pauseMs < LIMITS.pauseMsMax;
  }
}
