import { comparePositions, type Position } from '../../record/position.ts';
import { CellTimes } from '../rewrites/cell-times.ts';
import { receivedAtOf } from './write-order.ts';

/** What was put to the primary within some seconds, and may have come after later writes of other lanes. */
export class PutStretch {
  /** What was put last to each cell; marked: what was put in place of what was put before. */
  readonly cells = new CellTimes();
  #ownFirst: Position | undefined;
  #carriedFirst: Position | undefined;
  #oldestAt = Infinity;
  #underWay = 0;
  #landedMs = -Infinity;

  /** The first record of which something was put; undefined while nothing was. */
  get first(): Position | undefined {
    return firstOf(this.#ownFirst, this.#carriedFirst);
  }

  /** A record that is not after the one of which something was put to a cell that is known. */
  firstOf(high: number, low: number): Position | undefined {
    return this.cells.isMarked(high, low) ? this.#carriedFirst : this.#ownFirst;
  }

  /** The earliest receive time of what was put, epoch ms. */
  get oldestAt(): number {
    return this.#oldestAt;
  }

  /** When the last of it was answered, by the monotonic clock; later than all time while something is under way. */
  get landedMs(): number {
    return this.#underWay > 0 ? Infinity : this.#landedMs;
  }

  /** `oldestAt`: epoch ms, or the order of a write of others. */
  depart(first: Position, oldestAt: number): void {
    this.#ownFirst = firstOf(this.#ownFirst, first);
    this.#begin(oldestAt);
  }

  /** What departs is put in place of what was put before, of that record or later ones. */
  departInstead(first: Position, oldestAt: number): void {
    this.#carriedFirst = firstOf(this.#carriedFirst, first);
    this.#begin(oldestAt);
  }

  land(nowMs: number): void {
    this.#underWay -= 1;
    this.hold(nowMs);
  }

  /** It may be written any time until then. */
  hold(nowMs: number): void {
    this.#landedMs = Math.max(this.#landedMs, nowMs);
  }

  #begin(oldestAt: number): void {
    this.#oldestAt = Math.min(this.#oldestAt, receivedAtOf(oldestAt));
    this.#underWay += 1;
  }
}

/** The earlier of two positions in the log; where one is undefined, the other. */
export function firstOf(
  one: Position | undefined,
  other: Position | undefined,
): Position | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return comparePositions(one, other) < 0 ? one : other;
}
