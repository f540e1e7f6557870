import { HOUR_MS } from '../opentsdb/row-hour.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;
/** Of one OpenTSDB in one answer, about. */
const CELLS = 100_000;
/** The next window is at most so many times as long: beyond a day with more care, since a TSD builds an answer in its memory. */
const GROWTH = { short: 8, long: 1.5 } as const;

/**
 * How long the windows are that a metric is asked in, from the latest to the oldest: by how dense the last were, so that
 * answers have a bounded size and empty years cost a few questions.
 */
export class WindowSize {
  #spanMs = MINUTE_MS;
  /** Cells in a millisecond. */
  #density = 0;

  /** Where the window begins that ends with `toMs`; at a full hour or minute. */
  startOf(toMs: number): number {
    const unitMs = this.#spanMs >= HOUR_MS ? HOUR_MS : MINUTE_MS;
    return Math.max(0, Math.floor((toMs + 1 - this.#spanMs) / unitMs) * unitMs);
  }

  /** Whether a window of such a length may hold much more than those before: then hours of it are looked at first. */
  isUncertain(spanMs: number): boolean {
    return spanMs > DAY_MS;
  }

  /** Whether a window of that length can be asked at once, when an hour of it has so many cells. */
  fits(cellsOfHour: number, spanMs: number): boolean {
    return (cellsOfHour / HOUR_MS) * spanMs <= 2 * CELLS;
  }

  /** So many cells were in a window of that length. */
  note(cells: number, spanMs: number): void {
    this.#density = Math.max(cells / spanMs, this.#density / 2);
    const fittingMs = this.#density === 0 ? Infinity : CELLS / this.#density;
    const growth = spanMs >= DAY_MS ? GROWTH.long : GROWTH.short;
    this.#spanMs = Math.max(MINUTE_MS, Math.min(spanMs * growth, fittingMs));
  }
}
