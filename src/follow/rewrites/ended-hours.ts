import { HOUR_MS, hourOf } from '../../opentsdb/row-hour.ts';
import { comparePositions, NOWHERE, type Position, seqIn } from '../../record/position.ts';
import { CellTable, FILL_MAX } from './cell-table.ts';
import type { Chunk } from '../deliver/chunk.ts';
import { cellGroup, isSameWrite } from '../deliver/point-key.ts';
import { type PastHour, PastHours, type PastLog } from './past-hours.ts';
import { SeriesClock } from './series-clock.ts';

/** OpenTSDB compacts the rows of an hour once it is over by its own clock; what is put shortly before may be written then. */
const EARLY_MS = 30_000;
/** When nothing of an ended hour was written for so long, what was is forgotten. */
const KEPT_MS = 2 * HOUR_MS;
/** Sixteen bytes each, and eight more. */
const ROWS_MAX = 1_048_576;
const CELLS_MAX = 200_000;
/** Ends of so many hours are remembered: nothing is delivered again that was delivered longer ago. */
const TURNS_MAX = 48;
/** Eight bytes each, for each of two generations. */
const LATEST_MAX = 131_072;
const LATEST_FILLED = LATEST_MAX * FILL_MAX;

/** Instants before this, in epoch ms, are of hours whose rows OpenTSDB compacts at a time of its own choice. */
export function endedBefore(nowMs: number): number {
  return hourOf(nowMs + EARLY_MS);
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

/** Since then instants before `endMs`, epoch ms, are of hours that are over; what was looked at before counts for none of them. */
interface Turn {
  readonly endMs: number;
  readonly known: Position;
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
  #turns: readonly Turn[] = [];
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
    this.#turn(endedMs);
    if (backlog !== undefined)
      await this.#past?.prepare({ chunk, from: from ?? NOWHERE, endedMs, signal: backlog });
    return backlog?.aborted === true ? NONE : this.#judge(chunk, endedMs, nowMs);
  }

  #turn(endMs: number): void {
    const lastMs = this.#turns.at(-1)?.endMs;
    if (lastMs !== undefined && endMs <= lastMs) return;
    // Of the hours that were over at first all that was looked at counts.
    const known = lastMs === undefined ? NOWHERE : this.#known;
    this.#turns = [...this.#turns, { endMs, known }].slice(-TURNS_MAX);
  }

  #judge(chunk: Chunk, endedMs: number, nowMs: number): ReadonlySet<number> {
    const last = chunk.last ?? NOWHERE;
    const found = new Set<number>();
    for (let line = 0; line < chunk.count; line += 1) {
      if ((chunk.instants[line] ?? Infinity) >= endedMs || chunk.isBeaten[line] === 1) continue;
      this.#limit(last);
      this.#lastMs = nowMs;
      if (this.#isRewrite(chunk, line)) found.add(line);
    }
    this.#pass(chunk, last);
    return found;
  }

  #pass(chunk: Chunk, last: Position): void {
    const [first = 0] = chunk.seqs;
    const isPassed = ({ known }: Turn): boolean =>
      first <= seqIn(known, last.ordinal) && comparePositions(last, known) >= 0;
    // What was looked at while its hour lasted has been looked at again.
    if (this.#turns.some(isPassed))
      this.#turns = this.#turns.map((turn) =>
        isPassed(turn) ? { ...turn, known: NOWHERE } : turn,
      );
    if (comparePositions(last, this.#known) > 0) this.#known = last;
    this.#past?.judged(last);
  }

  /** Forgets what is too much. */
  #limit(last: Position): void {
    if (this.#rewritten.size >= CELLS_MAX) {
      this.#rewritten.clear();
      this.#past?.forget(last);
      this.#forgotten = last;
    }
    if (!this.#rows.isFull) return;
    this.#rows = new SeriesClock(ROWS_MAX);
    this.#forgotten = last;
  }

  #forget(): void {
    this.#rows = new SeriesClock(ROWS_MAX);
    this.#young.clear();
    this.#old.clear();
    this.#rewritten.clear();
    this.#past?.clear();
    this.#lastMs = Infinity;
  }

  /** Notes a line; true when it is later than all that is known of its row. `clock`: of its hour, when that was read back. */
  #advance(chunk: Chunk, line: number, clock: SeriesClock | undefined): boolean {
    const high = chunk.seriesHigh[line] ?? 0;
    const low = chunk.seriesLow[line] ?? 0;
    const instant = chunk.instants[line] ?? 0;
    const hasRoom = clock?.isFull === false || (clock?.latest(high, low) ?? 0) > 0;
    if (clock !== undefined && hasRoom) return clock.advance(high, low, instant);
    const row = (high ^ Math.imul(Math.floor(instant / HOUR_MS), ROW_MIX)) >>> 0;
    return this.#rows.advance(row, low, instant);
  }

  /** What was looked at before is no rewrite of itself. */
  #isRewrite(chunk: Chunk, line: number): boolean {
    const startMs = hourOf(chunk.instants[line] ?? 0);
    const past = this.#past?.of(startMs);
    const isLater = this.#advance(chunk, line, past?.clock);
    const high = chunk.keyHigh[line] ?? 0;
    const low = chunk.keyLow[line] ?? 0;
    const cell = cellGroup(high, low);
    if (this.#rewritten.size > 0 && this.#rewritten.has(cell)) return true;
    const { ordinal } = chunk.last ?? NOWHERE;
    const seq = chunk.seqs[line] ?? 0;
    const judgedTo = past?.judgedTo ?? this.#known;
    if (seq <= seqIn(judgedTo, ordinal) && seq > seqIn(this.#unjudged(startMs, past), ordinal))
      return false;
    const before = this.#noteWrite(high, low);
    if (isLater || (before !== undefined && isSameWrite(before, low))) return false;
    this.#rewritten.add(cell);
    return true;
  }

  /** Up to here what was looked at tells nothing of that hour. */
  #unjudged(startMs: number, past: PastHour | undefined): Position {
    if (past !== undefined) return NOWHERE;
    const turned = this.#turns.find(({ endMs }) => endMs > startMs)?.known ?? NOWHERE;
    return comparePositions(turned, this.#forgotten) > 0 ? turned : this.#forgotten;
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
