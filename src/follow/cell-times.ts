import { isSameCell } from './point-key.ts';

const ENTRIES_MIN = 4_096;
const FILL_MAX = 0.6;
const WORDS = 3;
/** A time further back than this from the first one counts as that old. */
const AGE_MS_MAX = 2_592_000_000;
const TIME_MAX = 0xffff_ffff;

/**
 * For each cell, by fingerprint, what was last written there and when that was received: twelve bytes an entry, open addressing
 * with linear probing.
 */
export class CellTimes {
  #count = 0;
  /** Of each entry: high and low word of the key, low being 0 in a free one, and the time since `#baseMs`. */
  #words = new Uint32Array(ENTRIES_MIN * WORDS);
  #baseMs = 0;

  get count(): number {
    return this.#count;
  }

  /** Notes a write, in place of an earlier one of the cell. `receivedAt`: epoch ms. */
  put(high: number, low: number, receivedAt: number): void {
    if (this.#count === 0) this.#baseMs = receivedAt - AGE_MS_MAX;
    const time = Math.min(TIME_MAX, Math.max(0, receivedAt - this.#baseMs));
    const at = this.#find(high, low);
    const isNew = this.#words[at + 1] === 0;
    this.#set(at, high, low, time);
    if (!isNew) return;
    this.#count += 1;
    if (this.#count > (this.#words.length / WORDS) * FILL_MAX) this.#double();
  }

  /** The low word of what was last written to the cell; undefined when nothing was. */
  get(high: number, low: number): number | undefined {
    if (this.#count === 0) return undefined;
    const stored = this.#words[this.#find(high, low) + 1] ?? 0;
    return stored === 0 ? undefined : stored;
  }

  /** When that was received, for a cell that is there. */
  timeOf(high: number, low: number): number {
    return this.#baseMs + (this.#words[this.#find(high, low) + 2] ?? 0);
  }

  #set(at: number, high: number, low: number, time: number): void {
    this.#words[at] = high;
    this.#words[at + 1] = low;
    this.#words[at + 2] = time;
  }

  #double(): void {
    const before = this.#words;
    this.#words = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += WORDS) {
      const high = before[at] ?? 0;
      const low = before[at + 1] ?? 0;
      if (low !== 0) this.#set(this.#find(high, low), high, low, before[at + 2] ?? 0);
    }
  }

  /** Where the entry of the cell is, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const words = this.#words;
    const last = words.length / WORDS - 1;
    let entry = (high ^ (low >>> 20)) & last;
    for (;;) {
      const at = entry * WORDS;
      const stored = words[at + 1] ?? 0;
      if (stored === 0 || (words[at] === high && isSameCell(stored, low))) return at;
      entry = (entry + 1) & last;
    }
  }
}
