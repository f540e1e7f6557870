import { isSameCell, isSameWrite, withUnknownForm } from './point-key.ts';

const ENTRIES_MIN = 4_096;
/** Two generations of so many entries of eight bytes are the most that is kept. */
const ENTRIES_MAX = 2_097_152;
const FILL_MAX = 0.6;

/**
 * The cells written within the last flush span, by fingerprint, with the form each was last written in:
 * two generations of a hash table, the younger filled, the older only asked. A fingerprint shared by two
 * instants (1 in 2^44) costs a needless repeat.
 */
export class RecentWrites {
  readonly #spanMs: () => number;
  #young: Table = new Table(ENTRIES_MIN);
  #old: Table = new Table(ENTRIES_MIN);
  #youngSince: number;

  /** `spanMs`: how long OpenTSDB may hold writes before it flushes them, and a margin. */
  constructor(spanMs: () => number, nowMs: number) {
    this.#spanMs = spanMs;
    this.#youngSince = nowMs;
  }

  /** Forgets what is older than two spans; call before writes are registered. Milliseconds of any clock that never goes back. */
  age(nowMs: number): void {
    if (nowMs - this.#youngSince < this.#spanMs()) return;
    const isAllOld = nowMs - this.#youngSince >= 2 * this.#spanMs();
    const emptied = this.#old;
    this.#old = isAllOld ? new Table(ENTRIES_MIN) : this.#young;
    const needed = Math.max(ENTRIES_MIN, this.#old.entries / 2);
    const fits = emptied.entries >= needed && emptied.entries <= needed * 4;
    // Its memory serves again: a table a second would keep the collector busy.
    this.#young = fits ? emptied : new Table(needed);
    this.#young.clear();
    this.#youngSince = nowMs;
  }

  /** Milliseconds until there is room again for `writes` more; 0 when there is. */
  waitMs(writes: number, nowMs: number): number {
    if (this.#young.count + writes <= ENTRIES_MAX * FILL_MAX) return 0;
    return Math.max(1, this.#youngSince + this.#spanMs() - nowMs);
  }

  /** Notes a write; true when something else was written to the same instant within the span. */
  register(high: number, low: number): boolean {
    const before = this.#young.put(high, low) ?? this.#old.get(high, low);
    if (this.#young.isCrowded && this.#young.entries < ENTRIES_MAX) {
      this.#young = this.#young.doubled();
    }
    return before !== undefined && !isSameWrite(before, low);
  }

  /** A write that was registered before may have reached the TSD only now. */
  renew(high: number, low: number): void {
    const before = this.#young.get(high, low);
    this.register(
      high,
      before === undefined || isSameWrite(before, low) ? low : withUnknownForm(low),
    );
  }
}

/** Open addressing with linear probing; what `low` says of the value is not part of the fingerprint. */
class Table {
  readonly entries: number;
  count = 0;
  /** High and low word of each entry side by side, in one line of the processor's cache; low is 0 in a free one. */
  readonly #words: Uint32Array;

  constructor(entries: number) {
    this.entries = entries;
    this.#words = new Uint32Array(entries * 2);
  }

  get isCrowded(): boolean {
    return this.count > this.entries * FILL_MAX;
  }

  clear(): void {
    if (this.count > 0) this.#words.fill(0);
    this.count = 0;
  }

  /** The word stored for the fingerprint, if any. */
  get(high: number, low: number): number | undefined {
    const before = this.#words[this.#find(high, low) + 1] ?? 0;
    return before === 0 ? undefined : before;
  }

  /** Stores the word; returns the one it replaces. */
  put(high: number, low: number): number | undefined {
    const at = this.#find(high, low);
    const before = this.#words[at + 1] ?? 0;
    this.#words[at + 1] = low;
    if (before !== 0) return before;
    this.#words[at] = high;
    this.count += 1;
    return undefined;
  }

  doubled(): Table {
    const larger = new Table(this.entries * 2);
    for (let at = 0; at < this.#words.length; at += 2) {
      const low = this.#words[at + 1] ?? 0;
      if (low !== 0) larger.put(this.#words[at] ?? 0, low);
    }
    return larger;
  }

  /** Where the entry of the fingerprint is, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const words = this.#words;
    const last = words.length - 1;
    let at = ((high ^ (low >>> 20)) << 1) & last;
    for (;;) {
      const stored = words[at + 1] ?? 0;
      if (stored === 0 || (words[at] === high && isSameCell(stored, low))) return at;
      at = (at + 2) & last;
    }
  }
}
