import { comparePositions, NOWHERE, type Position } from '../record/position.ts';
import type { Chunk } from './chunk.ts';
import { cellGroup } from './point-key.ts';
import { SeriesClock } from './series-clock.ts';

const HOUR_MS = 3_600_000;
/** OpenTSDB compacts the rows of an hour once it is over by its own clock; what is put shortly before may be written then. */
const EARLY_MS = 30_000;
/** When nothing of an ended hour was written for so long, what was is forgotten. */
const KEPT_MS = 2 * HOUR_MS;
/** Sixteen bytes each, and eight more. */
const SERIES_MAX = 1_048_576;
const CELLS_MAX = 200_000;

/** Instants before this, in epoch ms, are of hours whose rows OpenTSDB compacts at a time of its own choice. */
export function endedBefore(nowMs: number): number {
  return Math.floor((nowMs + EARLY_MS) / HOUR_MS) * HOUR_MS;
}

/**
 * Finds the writes to hours that are over which may be rewrites: while the TSD compacts their row, the value before can come
 * out as the newer one. A write that is later than all of its series that was sent to ended hours is none; nor is one of a
 * series of which nothing is known.
 */
export class EndedHours {
  #clock = new SeriesClock(SERIES_MAX);
  /** Cells that were written again, so that this is known where the log is delivered again. */
  readonly #rewritten = new Set<number>();
  /** Records up to here were looked at. */
  #known: Position = NOWHERE;
  #lastMs = -Infinity;

  /** The lines of a chunk that are such writes. `nowMs`: epoch ms. */
  rewrites(chunk: Chunk, nowMs: number): ReadonlySet<number> {
    const before = endedBefore(nowMs);
    const found = new Set<number>();
    for (let line = 0; line < chunk.count; line += 1) {
      if ((chunk.instants[line] ?? Infinity) >= before) continue;
      if (this.#isRewrite(chunk, line, nowMs)) found.add(line);
    }
    const { last } = chunk;
    if (last !== undefined && comparePositions(last, this.#known) > 0) this.#known = last;
    return found;
  }

  #isRewrite(chunk: Chunk, line: number, nowMs: number): boolean {
    if (nowMs - this.#lastMs > KEPT_MS || this.#clock.isFull) this.#forget();
    this.#lastMs = nowMs;
    if (this.#rewritten.size > 0 && this.#rewritten.has(cellOf(chunk, line))) return true;
    // What is delivered again is no rewrite of itself.
    if (comparePositions(chunk.positionOf(line), this.#known) <= 0) return false;
    const isLater = this.#clock.advance(
      chunk.seriesHigh[line] ?? 0,
      chunk.seriesLow[line] ?? 0,
      chunk.instants[line] ?? 0,
    );
    if (isLater) return false;
    if (this.#rewritten.size >= CELLS_MAX) this.#rewritten.clear();
    this.#rewritten.add(cellOf(chunk, line));
    return true;
  }

  #forget(): void {
    this.#clock = new SeriesClock(SERIES_MAX);
    this.#rewritten.clear();
  }
}

function cellOf({ keyHigh, keyLow }: Chunk, line: number): number {
  return cellGroup(keyHigh[line] ?? 0, keyLow[line] ?? 0);
}
