import { comparePositions, NOWHERE, type Position, seqIn } from '../record/position.ts';
import { CellTable, FILL_MAX } from './cell-table.ts';
import type { Chunk } from './chunk.ts';
import { cellGroup, isSameWrite } from './point-key.ts';
import { HOUR_MS, PastHours, type PastLog } from './past-hours.ts';
import { SeriesClock } from './series-clock.ts';

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

export interface EndedHoursOptions {
  /** The log has no more than one write of any instant. */
  readonly isFolded?: boolean;
  /** Where it can be read what went out earlier. */
  readonly past?: PastLog | undefined;
}

export interface ChunkTaken {
  /** Epoch ms. */
  readonly nowMs: number;
  /** After what record it was read. */
  readonly from: Position | undefined;
  /** It is of a backlog, of which nothing more is sent when this aborts. */
  readonly backlog: AbortSignal | undefined;
}

/**
 * Finds the writes to hours that are over which may be rewrites: while the TSD compacts their row, the value before can come
 * out as the newer one. A write that is later than all of its row (series and hour) that is known is none; nor is the same as was
 * just written. Known is what was sent when the hour was over; and of hours that a backlog reaches, what the log has of them.
 */
export class EndedHours {
  /** Of each row, for which a word of its series stands mixed with its hour. */
  #rows = new SeriesClock(ROWS_MAX);
  /** The newest writes, so that the same again is told from others. */
  #young = new CellTable(LATEST_MAX);
  #old = new CellTable(LATEST_MAX);
  /** Cells that were written again, so that this is known where the log is delivered again. */
  readonly #rewritten = new Set<number>();
  /** Records up to here were looked at, and what was learnt is known, but for those up to `#forgotten`. */
  #known: Position = NOWHERE;
  #forgotten: Position = NOWHERE;
  /** When something was last written to such an hour; Infinity: nothing is known of any. */
  #lastMs = Infinity;
  readonly #isFolded: boolean;
  readonly #past: PastHours | undefined;

  constructor({ isFolded = false, past }: EndedHoursOptions = {}) {
    this.#isFolded = isFolded;
    if (past === undefined) return;
    this.#past = new PastHours(past, (chunk, line) => {
      this.#noteWrite(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    });
  }

  /** The lines of a chunk that are such writes. */
  async rewrites(chunk: Chunk, { nowMs, from, backlog }: ChunkTaken): Promise<ReadonlySet<number>> {
    if (this.#isFolded) return NONE;
    if (nowMs - this.#lastMs > KEPT_MS) this.#forget();
    const endedMs = endedBefore(nowMs);
    if (backlog !== undefined && from !== undefined)
      await this.#past?.prepare({ chunk, from, endedMs, signal: backlog });
    return backlog?.aborted === true ? NONE : this.#judge(chunk, endedMs, nowMs);
  }

  #judge(chunk: Chunk, endedMs: number, nowMs: number): ReadonlySet<number> {
    const last = chunk.last ?? NOWHERE;
    const known = seqIn(this.#known, last.ordinal);
    const forgotten = seqIn(this.#forgotten, last.ordinal);
    const found = new Set<number>();
    for (let line = 0; line < chunk.count; line += 1) {
      const instant = chunk.instants[line] ?? Infinity;
      if (instant >= endedMs || chunk.isBeaten[line] === 1) continue;
      if (this.#rows.isFull || this.#rewritten.size >= CELLS_MAX) {
        this.#forget();
        this.#forgotten = last;
      }
      this.#lastMs = nowMs;
      const seq = chunk.seqs[line] ?? 0;
      const startMs = Math.floor(instant / HOUR_MS) * HOUR_MS;
      const past = this.#past?.of(startMs);
      const isLater = this.#advance(chunk, line, past?.clock);
      const isAgain =
        past === undefined
          ? seq <= known && seq > forgotten
          : seq <= seqIn(past.judgedTo, last.ordinal);
      if (this.#isRewrite(chunk, line, { isLater, isAgain })) found.add(line);
    }
    if (comparePositions(last, this.#known) > 0) this.#known = last;
    this.#past?.judged(last);
    return found;
  }

  #forget(): void {
    this.#rows = new SeriesClock(ROWS_MAX);
    this.#young.clear();
    this.#old.clear();
    this.#rewritten.clear();
    this.#past?.forget();
    this.#lastMs = Infinity;
  }

  /** Notes a line; true when it is later than all that is known of its row. `clock`: of its hour, when that was read back. */
  #advance(
    { seriesHigh, seriesLow, instants }: Chunk,
    line: number,
    clock: SeriesClock | undefined,
  ): boolean {
    const high = seriesHigh[line] ?? 0;
    const low = seriesLow[line] ?? 0;
    const instant = instants[line] ?? 0;
    if (clock?.isFull === false) return clock.advance(high, low, instant);
    const row = (high ^ Math.imul(Math.floor(instant / HOUR_MS), ROW_MIX)) >>> 0;
    return this.#rows.advance(row, low, instant);
  }

  /** `isAgain`: it was looked at before, and is no rewrite of itself. */
  #isRewrite(
    chunk: Chunk,
    line: number,
    { isLater, isAgain }: { readonly isLater: boolean; readonly isAgain: boolean },
  ): boolean {
    const high = chunk.keyHigh[line] ?? 0;
    const low = chunk.keyLow[line] ?? 0;
    const cell = cellGroup(high, low);
    if (this.#rewritten.size > 0 && this.#rewritten.has(cell)) return true;
    if (isAgain) return false;
    const before = this.#noteWrite(high, low);
    if (isLater || (before !== undefined && isSameWrite(before, low))) return false;
    this.#rewritten.add(cell);
    return true;
  }

  /** What was written to the same instant before, if it was among the newest. */
  #noteWrite(high: number, low: number): number | undefined {
    if (this.#young.count >= LATEST_FILLED) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    return this.#young.put(high, low) ?? this.#old.get(high, low);
  }
}

const NONE: ReadonlySet<number> = new Set();
/** Odd, so that no two hours are mixed to one. */
const ROW_MIX = 0x9e37_79b1;
