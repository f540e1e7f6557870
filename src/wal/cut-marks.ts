import type { RingFrame } from './frame-ring.ts';
import type { Wal } from './log.ts';

export interface CutMarksOptions {
  readonly wal: Pick<Wal, 'appendControl'>;
  readonly cutBytes: number;
  readonly cutIntervalMs: number;
}

/** With nothing but ticks, segments end this often. */
const IDLE_CUT_MS = 600_000;

/** Logs where archived segments end: by size, by time, and seldom while nothing is written. Whoever archives the lane cuts there. Times are of the monotonic clock. */
export class CutMarks {
  readonly #options: CutMarksOptions;
  #bytes = 0;
  #hasData = false;
  #lastCutMs: number;

  constructor(options: CutMarksOptions, nowMs: number) {
    this.#options = options;
    this.#lastCutMs = nowMs;
  }

  /** A frame became durable. */
  note({ bytes, mutations }: RingFrame, nowMs: number): void {
    this.#bytes += bytes.length;
    if (mutations === 0) return;
    this.#hasData = true;
    if (this.#bytes >= this.#options.cutBytes) this.#cut(nowMs);
  }

  /** Call about once a second. */
  beat(nowMs: number): void {
    const intervalMs = this.#hasData ? this.#options.cutIntervalMs : IDLE_CUT_MS;
    if (nowMs - this.#lastCutMs >= intervalMs) this.#cut(nowMs);
  }

  #cut(nowMs: number): void {
    if (this.#options.wal.appendControl({ kind: 'cut' }) === undefined) return;
    this.#bytes = 0;
    this.#hasData = false;
    this.#lastCutMs = nowMs;
  }
}
