import { comparePositions, type Position } from '../record/position.ts';
import { CellTimes } from './cell-times.ts';

/** What was put to the primary within some seconds, and may have come behind later writes of other lanes. */
export class PutStretch {
  /** What was put last to each cell. */
  readonly cells = new CellTimes();
  #first: Position | undefined;
  #oldestAt = Infinity;
  #underWay = 0;
  #landedMs = -Infinity;

  /** The first record of which something was put; undefined while nothing was. */
  get first(): Position | undefined {
    return this.#first;
  }

  /** The earliest receive time of what was put, epoch ms. */
  get oldestAt(): number {
    return this.#oldestAt;
  }

  /** When the last of it was answered, by the monotonic clock; later than all time while something is under way. */
  get landedMs(): number {
    return this.#underWay > 0 ? Infinity : this.#landedMs;
  }

  depart(first: Position, oldestAt: number): void {
    if (this.#first === undefined || comparePositions(first, this.#first) < 0) this.#first = first;
    this.#oldestAt = Math.min(this.#oldestAt, oldestAt);
    this.#underWay += 1;
  }

  land(nowMs: number): void {
    this.#underWay -= 1;
    this.hold(nowMs);
  }

  /** It may be written any time until then. */
  hold(nowMs: number): void {
    this.#landedMs = Math.max(this.#landedMs, nowMs);
  }
}
