import { copyInto } from '../deliver/copy-into.ts';
import { isSameCell } from '../deliver/point-key.ts';

const CELLS_MIN = 1_024;

/**
 * Numbers cells, from 0 on, for as long as each is known: what is kept of a cell stands in arrays, at its number.
 * A fingerprint is looked up once: open addressing with linear probing.
 */
export class CellNumbers {
  #high = new Uint32Array(CELLS_MIN);
  #low = new Uint32Array(CELLS_MIN);
  /** By hash: a number and one; 0: none. Twice as many as numbers. */
  #slots = new Uint32Array(2 * CELLS_MIN);
  /** Numbers that were given back, up to `#freeCount`. */
  #free = new Uint32Array(CELLS_MIN);
  #freeCount = 0;
  /** Numbers ever given. */
  #given = 0;

  /** Cells that have a number. */
  get count(): number {
    return this.#given - this.#freeCount;
  }

  /** So many numbers may be in use. */
  get capacity(): number {
    return this.#high.length;
  }

  /** The number of a cell; -1 when it has none. */
  find(high: number, low: number): number {
    return (this.#slots[this.#slotOf(high, low)] ?? 0) - 1;
  }

  /** The number of a cell, which gets one. */
  enter(high: number, low: number): number {
    const slot = this.#slotOf(high, low);
    const known = (this.#slots[slot] ?? 0) - 1;
    if (known >= 0) return known;
    if (this.count === this.capacity) {
      this.#grow();
      return this.enter(high, low);
    }
    const isUsed = this.#freeCount > 0;
    const number = isUsed ? (this.#free[this.#freeCount - 1] ?? 0) : this.#given;
    if (isUsed) this.#freeCount -= 1;
    else this.#given += 1;
    this.#high[number] = high;
    this.#low[number] = low;
    this.#slots[slot] = number + 1;
    return number;
  }

  /** The cell is no longer known, and its number is another's some time. */
  leave(number: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    let hole = this.#slotOf(this.#high[number] ?? 0, this.#low[number] ?? 0);
    // Those after it that stand there only because it was taken move up.
    for (let slot = (hole + 1) & last; slots[slot] !== 0; slot = (slot + 1) & last) {
      const home = this.#homeOf((slots[slot] ?? 0) - 1);
      if (((slot - home) & last) < ((slot - hole) & last)) continue;
      slots[hole] = slots[slot] ?? 0;
      hole = slot;
    }
    slots[hole] = 0;
    this.#free[this.#freeCount] = number;
    this.#freeCount += 1;
  }

  #homeOf(number: number): number {
    return homeOf(this.#high[number] ?? 0, this.#low[number] ?? 0, this.#slots.length);
  }

  /** Where the number of a cell is, or the free slot where it belongs. */
  #slotOf(high: number, low: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = homeOf(high, low, slots.length); ; slot = (slot + 1) & last) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0) return slot;
      if (this.#high[number] === high && isSameCell(this.#low[number] ?? 0, low)) return slot;
    }
  }

  #grow(): void {
    const cells = this.capacity * 2;
    this.#high = copyInto(new Uint32Array(cells), this.#high);
    this.#low = copyInto(new Uint32Array(cells), this.#low);
    this.#free = new Uint32Array(cells);
    this.#slots = new Uint32Array(2 * cells);
    for (let number = 0; number < this.#given; number += 1) {
      const slot = this.#slotOf(this.#high[number] ?? 0, this.#low[number] ?? 0);
      this.#slots[slot] = number + 1;
    }
  }
}

function homeOf(high: number, low: number, slots: number): number {
  return (high ^ (low >>> 20)) & (slots - 1);
}
