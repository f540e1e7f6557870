import type { Applier } from '../deliver/applier.ts';

/** How often to look; and after so long rows are written back without an end. */
const LOOK_MS = 250;
const WAIT_MS_MAX = 10_000;
/** What is written back waits for a flush, and what is deleted then for another. */
const FLUSH_SPANS = 2;

/** What a TSD had compacted by then, since its start: rows written back plus cells deleted; undefined: it compacts none; NaN: it doesn't say how many. */
export interface Compacted {
  readonly cells: number | undefined;
}

interface CompactionWatchOptions {
  readonly applier: Pick<Applier, 'compacted'>;
  /** How long the TSD may hold what it writes, and a margin. */
  readonly flushSpanMs: () => number;
}

/**
 * Tells whether a TSD compacts rows now. It reads a row, writes it back as one cell that is newer than what was put meanwhile, and
 * then deletes what it read by name (opentsdb-write-api 4.4); asynchbase keeps each of the two for a flush. It counts what it will
 * write as soon as it has read it: with the count standing still for both, and no request under way, nothing of that kind is left.
 */
export class CompactionWatch {
  readonly #options: CompactionWatchOptions;
  #cells: number | undefined;
  /** Since when the count stands still; undefined: it isn't known. */
  #stillMs: number | undefined;
  /** Before that there is nothing new to be seen. */
  untilMs = 0;

  constructor(options: CompactionWatchOptions) {
    this.#options = options;
  }

  /** How long the count must stand still. */
  get spanMs(): number {
    return FLUSH_SPANS * this.#options.flushSpanMs();
  }

  /** The count, once it stands still; undefined until then. `sinceMs`: since when something waits for that: what doesn't end is given up in the end. */
  async still(nowMs: number, sinceMs: number): Promise<Compacted | undefined> {
    const cells = await this.#look(nowMs);
    const isStill = this.#stillMs !== undefined && nowMs - this.#stillMs >= this.spanMs;
    if (cells === undefined || isStill || nowMs - sinceMs >= WAIT_MS_MAX) return { cells };
    this.untilMs = nowMs + LOOK_MS;
    return undefined;
  }

  async #look(nowMs: number): Promise<number | undefined> {
    try {
      const cells = await this.#options.applier.compacted();
      if (this.#stillMs === undefined || cells !== this.#cells) this.#stillMs = nowMs;
      this.#cells = cells;
      return cells;
    } catch {
      // It may be busy with just that.
      this.#stillMs = undefined;
      return Number.NaN;
    }
  }
}
