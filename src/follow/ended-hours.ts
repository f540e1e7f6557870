import { comparePositions, NOWHERE, type Position } from '../record/position.ts';
import { CellTable, FILL_MAX } from './cell-table.ts';
import type { Chunk } from './chunk.ts';
import { cellGroup, isSameWrite } from './point-key.ts';
import { SeriesClock } from './series-clock.ts';

const HOUR_MS = 3_600_000;
/** OpenTSDB compacts the rows of an hour once it is over by its own clock; what is put shortly before may be written then. */
const EARLY_MS = 30_000;
/** When nothing of an ended hour was written for so long, what was is forgotten. */
const KEPT_MS = 2 * HOUR_MS;
/** Sixteen bytes each, and eight more. */
const ROWS_MAX = 1_048_576;
const CELLS_MAX = 200_000;
/** Eight bytes each, for each of two generations. */
const LATEST_MAX = 131_072;
const LATEST_FILLED = LATEST_MAX * FILL_MAX;

/** Instants before this, in epoch ms, are of hours whose rows OpenTSDB compacts at a time of its own choice. */
export function endedBefore(nowMs: number): number {
  return Math.floor((nowMs + EARLY_MS) / HOUR_MS) * HOUR_MS;
}

/**
 * Finds the writes to hours that are over which may be rewrites: while the TSD compacts their row, the value before can come
 * out as the newer one. A write that is later than all of its row (series and hour) that was sent when it was over is none;
 * nor is the first one of a row, of which nothing is known, nor the same as was just written.
 */
export class EndedHours {
  /** Of each row, for which the word of its series stands mixed with its hour. */
  #rows = new SeriesClock(ROWS_MAX);
  /** The newest writes, so that the same again is told from others. */
  #young = new CellTable(LATEST_MAX);
  #old = new CellTable(LATEST_MAX);
  /** Cells that were written again, so that this is known where the log is delivered again. */
  readonly #rewritten = new Set<number>();
  /** Records up to here were looked at, and what was learnt is known, but for those up to `#forgotten`. */
  #known: Position = NOWHERE;
  #forgotten: Position = NOWHERE;
  #lastMs = -Infinity;
  readonly #isFolded: boolean;

  /** `isFolded`: there are none. */
  constructor({ isFolded }: { readonly isFolded: boolean } = { isFolded: false }) {
    this.#isFolded = isFolded;
  }

  /** The lines of a chunk that are such writes. `nowMs`: epoch ms. */
  rewrites(chunk: Chunk, nowMs: number): ReadonlySet<number> {
    if (this.#isFolded) return NONE;
    const before = endedBefore(nowMs);
    const last = chunk.last ?? NOWHERE;
    const known = seqIn(this.#known, last.ordinal);
    const forgotten = seqIn(this.#forgotten, last.ordinal);
    const found = new Set<number>();
    for (let line = 0; line < chunk.count; line += 1) {
      if ((chunk.instants[line] ?? Infinity) >= before || chunk.isBeaten[line] === 1) continue;
      this.#prepare(last, nowMs);
      const seq = chunk.seqs[line] ?? 0;
      const isAgain = seq <= known && seq > forgotten;
      if (this.#isRewrite(chunk, line, isAgain)) found.add(line);
    }
    if (comparePositions(last, this.#known) > 0) this.#known = last;
    return found;
  }

  /** Forgets what is old, or too much. */
  #prepare(last: Position, nowMs: number): void {
    const isFull = this.#rows.isFull || this.#rewritten.size >= CELLS_MAX;
    if (isFull || nowMs - this.#lastMs > KEPT_MS) {
      this.#rows = new SeriesClock(ROWS_MAX);
      this.#young.clear();
      this.#old.clear();
      this.#rewritten.clear();
      if (isFull) this.#forgotten = last;
    }
    if (this.#young.count >= LATEST_FILLED) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    this.#lastMs = nowMs;
  }

  /** `isAgain`: it was looked at before, and is no rewrite of itself. */
  #isRewrite(chunk: Chunk, line: number, isAgain: boolean): boolean {
    const high = chunk.keyHigh[line] ?? 0;
    const low = chunk.keyLow[line] ?? 0;
    const cell = cellGroup(high, low);
    if (this.#rewritten.size > 0 && this.#rewritten.has(cell)) return true;
    if (isAgain) return false;
    const instant = chunk.instants[line] ?? 0;
    const row = ((chunk.seriesLow[line] ?? 0) ^ Math.imul(instant / HOUR_MS, ROW_MIX)) >>> 0;
    const isLater = this.#rows.advance(chunk.seriesHigh[line] ?? 0, row, instant);
    const before = this.#young.put(high, low) ?? this.#old.get(high, low);
    if (isLater || (before !== undefined && isSameWrite(before, low))) return false;
    this.#rewritten.add(cell);
    return true;
  }
}

const NONE: ReadonlySet<number> = new Set();
/** Odd, so that no two hours are mixed to one. */
const ROW_MIX = 0x9e37_79b1;

/** Up to which record of the lane with that ordinal a position is. */
function seqIn(position: Position, ordinal: number): number {
  if (position.ordinal === ordinal) return position.seq;
  return position.ordinal > ordinal ? Infinity : 0;
}
