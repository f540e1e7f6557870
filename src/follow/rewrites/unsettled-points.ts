import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';

const PAUSE_MS = 60_000;

export interface UnsettledPointsOptions {
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly count: (points: number) => void;
}

/** Points that may show an older value, since OpenTSDB compacted all the while that they were put, or was not done with what came before. Each is counted; the log has a line a minute at most. */
export class UnsettledPoints {
  readonly #options: UnsettledPointsOptions;
  /** Since the last line. */
  #untold = 0;
  #toldMs = -Infinity;

  constructor(options: UnsettledPointsOptions) {
    this.#options = options;
  }

  note(points: number): void {
    const { logger, clock, count } = this.#options;
    count(points);
    this.#untold += points;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#toldMs < PAUSE_MS) return;
    logger.warn(
      { points: this.#untold },
      'points may show an older value: OpenTSDB was not done with what came before them for ten seconds; or, of hours that are over, it compacted, or did not say whether, after each put of them',
    );
    this.#untold = 0;
    this.#toldMs = nowMs;
  }
}
