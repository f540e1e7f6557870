import { CellTable, FILL_MAX } from './cell-table.ts';
import { isSameWrite, withUnknownForm } from '../deliver/point-key.ts';
import { SeriesClock } from './series-clock.ts';

/** A table of so many entries of eight bytes, for each of two generations, is the most that is kept. */
const ENTRIES_MAX = 524_288;
const WRITES_MAX = ENTRIES_MAX * FILL_MAX;
/** Of those that are only noted no more, in either: 2 MiB. */
const NOTES_MAX = 262_144;
/** Of the time between two answers no more counts as time in which the TSD ran: it may have stood still. */
const RUNNING_MS_MAX = 500;

const GENERATIONS = 2;

/** What is written, by line: as a chunk has it. */
export interface Writes {
  readonly keyHigh: Uint32Array;
  readonly keyLow: Uint32Array;
  readonly seriesHigh: Uint32Array;
  readonly seriesLow: Uint32Array;
  readonly instants: Float64Array;
}

/**
 * The cells written within the last flush span, by fingerprint, with the form each was last written in, in two
 * generations: writes are added to the younger and looked for in both. A fingerprint shared by two instants
 * (1 in 2^44) costs a needless repeat.
 *
 * Nearly every write is of a later instant than all of its series before it, and so rewrites nothing. It is only
 * noted, and looked up by nobody until a write comes that may be a rewrite: then what was noted is indexed. What
 * there is no room for is forgotten, and a write that may be a rewrite is then taken for one.
 */
export class RecentWrites {
  readonly #spanMs: () => number;
  #young = new Generation();
  #old = new Generation();
  #youngSince: number;
  /** When the TSD last gave an answer. */
  #seenMs: number;
  /** Generations until the clocks know every series of both. */
  #unknown = 0;

  /** `spanMs`: how long OpenTSDB may hold writes before it flushes them, and a margin. */
  constructor(spanMs: () => number, nowMs: number) {
    this.#spanMs = spanMs;
    this.#youngSince = nowMs;
    this.#seenMs = nowMs;
  }

  /** Forgets what is older than two spans, whether or not the TSD ran. Milliseconds of any clock that never goes back. */
  age(nowMs: number): void {
    if (nowMs - this.#youngSince < this.#spanMs()) return;
    const isAllOld = nowMs - this.#youngSince >= 2 * this.#spanMs();
    const emptied = this.#old;
    this.#old = this.#young;
    this.#young = emptied;
    this.#young.clear();
    if (isAllOld) this.#old.clear();
    this.#unknown = isAllOld ? 0 : Math.max(0, this.#unknown - 1);
    this.#youngSince = nowMs;
  }

  /** The TSD gave an answer: it runs, and flushes what it had. */
  seen(nowMs: number): void {
    const unseenMs = nowMs - this.#seenMs - RUNNING_MS_MAX;
    if (unseenMs > 0) this.#youngSince = Math.min(nowMs, this.#youngSince + unseenMs);
    this.#seenMs = nowMs;
    this.age(nowMs);
  }

  /** What the TSD has not flushed, or not even read, it may write any time from here on. */
  hold(nowMs: number): void {
    this.#youngSince = nowMs;
    this.#seenMs = nowMs;
  }

  /** Notes the write of a line; true when something else was written to the same instant within the span. */
  register(writes: Writes, line: number): boolean {
    const high = writes.keyHigh[line] ?? 0;
    const low = writes.keyLow[line] ?? 0;
    if (this.#isLater(writes, line)) {
      this.#young.note(high, low);
      return false;
    }
    return this.#lookUp(high, low);
  }

  /** The same for a write of an instant that was written before, of a series that isn't told. */
  registerAgain(high: number, low: number): boolean {
    this.#unknown = GENERATIONS;
    return this.#lookUp(high, low);
  }

  #lookUp(high: number, low: number): boolean {
    const young = this.#young.put(high, low);
    // What the younger generation forgot is later than what the older one has.
    if (young === undefined && this.#young.isPartial) return true;
    const before = young ?? this.#old.get(high, low);
    return before === undefined ? this.#old.isPartial : !isSameWrite(before, low);
  }

  /** Whether what was registered since then is known for a whole span from now on. */
  remembers(sinceMs: number): boolean {
    return sinceMs >= this.#youngSince;
  }

  /** The write of a line, which was registered before, may have reached the TSD only now. */
  renew(writes: Writes, line: number): void {
    const high = writes.keyHigh[line] ?? 0;
    const low = writes.keyLow[line] ?? 0;
    const seriesHigh = writes.seriesHigh[line] ?? 0;
    const seriesLow = writes.seriesLow[line] ?? 0;
    const instant = writes.instants[line] ?? 0;
    const isFirst = this.#young.clock.latest(seriesHigh, seriesLow) < instant;
    this.#isLater(writes, line);
    if (isFirst && this.#unknown === 0) this.#young.note(high, low);
    else this.#renew(high, low);
  }

  /** The same for a write of a series that isn't told. */
  renewAgain(high: number, low: number): void {
    this.#unknown = GENERATIONS;
    this.#renew(high, low);
  }

  #renew(high: number, low: number): void {
    const before = this.#young.get(high, low);
    const isSame = before === undefined || isSameWrite(before, low);
    this.#young.put(high, isSame ? low : withUnknownForm(low));
  }

  /** Whether the write is surely of a later instant than any of its series within the span. */
  #isLater(writes: Writes, line: number): boolean {
    const { clock } = this.#young;
    if (clock.isFull) {
      clock.clear();
      // Of the younger generation it doesn't know all from here on.
      this.#unknown = GENERATIONS;
    }
    const isLater = clock.advance(
      writes.seriesHigh[line] ?? 0,
      writes.seriesLow[line] ?? 0,
      writes.instants[line] ?? 0,
      this.#old.clock,
    );
    return isLater && this.#unknown === 0;
  }
}

/** Two words for each write. */
const BLOCK_WORDS = 65_536;

/** Writes of one span: those that were only noted, in order, and those in the table. */
class Generation {
  readonly clock = new SeriesClock();
  readonly #table = new CellTable(ENTRIES_MAX);
  readonly #blocks: Uint32Array[] = [];
  #words = 0;
  #isPartial = false;

  /** Whether there was no room for some of them. */
  get isPartial(): boolean {
    return this.#isPartial;
  }

  clear(): void {
    this.#isPartial = false;
    this.clock.clear();
    this.#table.clear();
    // What the last span needed serves again; one that came at a burst is let go.
    this.#blocks.length = Math.min(this.#blocks.length, Math.ceil(this.#words / BLOCK_WORDS) + 1);
    this.#words = 0;
  }

  note(high: number, low: number): void {
    if (this.#words === 2 * NOTES_MAX || this.#isFull) {
      this.#isPartial = true;
      return;
    }
    const at = this.#words % BLOCK_WORDS;
    const index = (this.#words - at) / BLOCK_WORDS;
    const block = (this.#blocks[index] ??= new Uint32Array(BLOCK_WORDS));
    block[at] = high;
    block[at + 1] = low;
    this.#words += 2;
  }

  get(high: number, low: number): number | undefined {
    this.#index();
    return this.#table.get(high, low);
  }

  /** Returns the word that it replaces. */
  put(high: number, low: number): number | undefined {
    this.#index();
    if (this.#isFull && this.#table.get(high, low) === undefined) {
      this.#isPartial = true;
      return undefined;
    }
    return this.#table.put(high, low);
  }

  get #isFull(): boolean {
    return this.#table.count + this.#words / 2 >= WRITES_MAX;
  }

  #index(): void {
    for (let word = 0; word < this.#words; word += 2) {
      const block = this.#blocks[Math.floor(word / BLOCK_WORDS)];
      const at = word % BLOCK_WORDS;
      this.#table.put(block?.[at] ?? 0, block?.[at + 1] ?? 0);
    }
    if (this.#words > BLOCK_WORDS) this.#blocks.length = 1;
    this.#words = 0;
  }
}
