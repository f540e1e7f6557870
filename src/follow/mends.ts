import type { Position } from '../record/position.ts';
import { cellGroup } from './point-key.ts';

/** A write that must be repeated, because it may tie with another of its instant in the TSD's flush. */
export interface Mend {
  readonly high: number;
  readonly low: number;
  /** The canonical line, without `\n`. */
  readonly line: string;
  readonly telnet: boolean;
  /** The first record since which the instant is in doubt: a cursor must not pass it. */
  readonly position: Position;
  readonly dueMs: number;
}

/** More instants in doubt at once stop the delivery until some are mended. */
export const MENDS_MAX = 100_000;

/** The instants in doubt: for each the latest value, to be put once more when the flush is surely over. */
export class Mends {
  readonly #byCell = new Map<number, Mend>();

  get size(): number {
    return this.#byCell.size;
  }

  has(high: number, low: number): boolean {
    return this.#byCell.size > 0 && this.#byCell.has(cellGroup(high, low));
  }

  /** A later write of the same instant takes the place of an earlier one, and waits its own time. */
  add(mend: Mend): void {
    const cell = cellGroup(mend.high, mend.low);
    const position = this.#byCell.get(cell)?.position ?? mend.position;
    this.#byCell.delete(cell);
    this.#byCell.set(cell, { ...mend, position });
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

  positions(): Position[] {
    return [...this.#byCell.values()].map(({ position }) => position);
  }
}
