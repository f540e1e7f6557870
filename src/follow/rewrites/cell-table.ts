import { isSameCell } from '../deliver/point-key.ts';

const ENTRIES_MIN = 4_096;
export const FILL_MAX = 0.6;

/**
 * The last write of each cell, by fingerprint: open addressing with linear probing. What `low` says of the value
 * is not part of the fingerprint.
 */
export class CellTable {
  readonly #entriesMax: number;
  #count = 0;
  /** High and low word of each entry side by side, in one line of the processor's cache; low is 0 in a free one. */
  #words = new Uint32Array(ENTRIES_MIN * 2);

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Its memory serves again, unless so much is not needed. */
  clear(): void {
    const entries = this.#words.length / 2;
    if (this.#count < entries / 8 && entries > ENTRIES_MIN) {
      this.#words = new Uint32Array(Math.max(ENTRIES_MIN, entries / 4) * 2);
    } else if (this.#count > 0) this.#words.fill(0);
    this.#count = 0;
  }

  /** The word stored for the fingerprint, if any. */
  get(high: number, low: number): number | undefined {
    if (this.#count === 0) return undefined;
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
    this.#count += 1;
    const entries = this.#words.length / 2;
    if (this.#count > entries * FILL_MAX && entries < this.#entriesMax) this.#double();
    return undefined;
  }

  #double(): void {
    const before = this.#words;
    this.#words = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += 2) {
      const high = before[at] ?? 0;
      const low = before[at + 1] ?? 0;
      if (low === 0) continue;
      const free = this.#find(high, low);
      this.#words[free] = high;
      this.#words[free + 1] = low;
    }
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
