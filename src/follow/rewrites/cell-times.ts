import { FILL_MAX } from './cell-table.ts';
import { isSameCell } from '../deliver/point-key.ts';

const ENTRIES_MIN = 4_096;

/**
 * For each cell, by fingerprint, what was last written there, when that was received, and a mark: sixteen bytes an entry, open
 * addressing with linear probing.
 */
export class CellTimes {
  #count = 0;
  /** High and low word of each entry's key side by side; low is 0 in a free one. */
  #words = new Uint32Array(ENTRIES_MIN * 2);
  /** Of each entry, epoch ms, or the order of a write of others; negative: marked. */
  #times = new Float64Array(ENTRIES_MIN);

  get count(): number {
    return this.#count;
  }

  /** Notes a write, in place of an earlier one of the cell. `receivedAt`: epoch ms, or the order of a write of others. */
  put(high: number, low: number, receivedAt: number, isMarked = false): void {
    const entry = this.#find(high, low);
    const isNew = this.#words[2 * entry + 1] === 0;
    this.#set(entry, high, low, isMarked ? -receivedAt : receivedAt);
    if (!isNew) return;
    this.#count += 1;
    if (this.#count > this.#times.length * FILL_MAX) this.#double();
  }

  /** The same, where the mark stays as it is. */
  replace(high: number, low: number, receivedAt: number): void {
    this.put(high, low, receivedAt, this.isMarked(high, low));
  }

  /** The low word of what was last written to the cell; undefined when nothing was. */
  get(high: number, low: number): number | undefined {
    if (this.#count === 0) return undefined;
    const stored = this.#words[2 * this.#find(high, low) + 1] ?? 0;
    return stored === 0 ? undefined : stored;
  }

  /** When that was received, for a cell that is there. */
  timeOf(high: number, low: number): number {
    return Math.abs(this.#times[this.#find(high, low)] ?? 0);
  }

  /** Whether its last write was marked. */
  isMarked(high: number, low: number): boolean {
    return (this.#times[this.#find(high, low)] ?? 0) < 0;
  }

  #double(): void {
    const words = this.#words;
    const times = this.#times;
    this.#words = new Uint32Array(words.length * 2);
    this.#times = new Float64Array(times.length * 2);
    for (let entry = 0; entry < times.length; entry += 1) {
      const high = words[2 * entry] ?? 0;
      const low = words[2 * entry + 1] ?? 0;
      if (low !== 0) this.#set(this.#find(high, low), high, low, times[entry] ?? 0);
    }
  }

  #set(entry: number, high: number, low: number, time: number): void {
    this.#words[2 * entry] = high;
    this.#words[2 * entry + 1] = low;
    this.#times[entry] = time;
  }

  /** The entry of the cell, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const words = this.#words;
    const last = this.#times.length - 1;
    let entry = (high ^ (low >>> 20)) & last;
    for (;;) {
      const stored = words[2 * entry + 1] ?? 0;
      if (stored === 0 || (words[2 * entry] === high && isSameCell(stored, low))) return entry;
      entry = (entry + 1) & last;
    }
  }
}
