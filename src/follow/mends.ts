import type { Position } from '../record/position.ts';
import type { RefusedPoint } from './delivery-options.ts';
import { cellGroup } from './point-key.ts';

/** A write that must be repeated, because it may tie with another of its instant in the TSD's flush. */
export interface Mend extends Omit<RefusedPoint, 'error'> {
  readonly dueMs: number;
  /** Requests handled up to the write itself: once they are stored, what is put comes behind it. */
  readonly handled: number;
  /** Of one that was put once more to an hour that is over: how much had been compacted then, and how often it was put. */
  readonly put?: { readonly compacted: number; readonly times: number };
}

/** More instants in doubt at once stop the delivery until some are mended. */
export const MENDS_MAX = 100_000;

/**
 * The instants in doubt: for each the latest value, to be put once more when the flush is surely over. A
 * cursor must not pass that latest write before: it is enough that it would be sent again after a crash.
 */
export class Mends {
  readonly #byCell = new Map<number, Mend>();
  /** How many writes under way will be mended, by cell. */
  readonly #announced = new Map<number, number>();

  get size(): number {
    return this.#byCell.size;
  }

  /** Whether the instant is in doubt, so that every later write of it is, too. */
  has(high: number, low: number): boolean {
    if (this.#byCell.size === 0 && this.#announced.size === 0) return false;
    const cell = cellGroup(high, low);
    return this.#byCell.has(cell) || this.#announced.has(cell);
  }

  /** A write that may tie is being sent; `withdraw` comes with its answer. */
  announce(high: number, low: number): void {
    const cell = cellGroup(high, low);
    this.#announced.set(cell, (this.#announced.get(cell) ?? 0) + 1);
  }

  withdraw(high: number, low: number): void {
    const cell = cellGroup(high, low);
    const others = (this.#announced.get(cell) ?? 1) - 1;
    if (others > 0) this.#announced.set(cell, others);
    else this.#announced.delete(cell);
  }

  /** A later write of the same instant takes the place of an earlier one, and waits its own time. */
  add(mend: Mend): void {
    const cell = cellGroup(mend.high, mend.low);
    this.#byCell.delete(cell);
    this.#byCell.set(cell, mend);
  }

  /** Those due, oldest first, at most `max`. They stay until `remove`. */
  due(nowMs: number, max: number): Mend[] {
    const due: Mend[] = [];
    for (const mend of this.#byCell.values()) {
      if (mend.dueMs > nowMs || due.length === max) break;
      due.push(mend);
    }
    return due;
  }

  /** When the first is due. */
  nextDueMs(): number | undefined {
    for (const { dueMs } of this.#byCell.values()) return dueMs;
    return undefined;
  }

  /** Takes it out unless a later write has taken its place. */
  remove(mend: Mend): void {
    const cell = cellGroup(mend.high, mend.low);
    if (this.#byCell.get(cell) === mend) this.#byCell.delete(cell);
  }

  /** All of them will be put otherwise. */
  clear(): void {
    this.#byCell.clear();
  }

  positions(): Position[] {
    return [...this.#byCell.values()].map(({ position }) => position);
  }
}
