import type { Position } from '../../record/position.ts';
import type { Chunk } from '../deliver/chunk.ts';
import { isSameWrite } from '../deliver/point-key.ts';
import { PutStretch } from './put-stretch.ts';
import { isLaterWrite } from './write-order.ts';

/** A request with points on its way to the primary. */
export interface Departure {
  /** It was answered, or given up. */
  landed(nowMs: number): void;
}

/**
 * What becomes of a write of others that was found to win: it still does and comes _after_ what was put to its instant; or it may
 * _tie_ with that, which was put again since; or something _later_ was put.
 */
export type WinnerStanding = 'after' | 'tie' | 'later';

/** What was put before is put again. */
export interface PutAgain {
  readonly high: number;
  readonly low: number;
  /** Epoch ms; of another lane's write its order. */
  readonly receivedAt: number;
  readonly position: Position;
  /** Another lane's write, in place of the record's. */
  readonly isOfOthers?: boolean;
}

/** Each is asked for every write of others. */
const STRETCHES_MAX = 6;

/** What was put and is not looked through yet, in stretches of some seconds. */
export class PutNotes {
  /** Oldest first; what is put now is noted in the last. */
  #stretches: PutStretch[] = [new PutStretch()];
  #begunMs = -Infinity;

  get stretches(): readonly PutStretch[] {
    return this.#stretches;
  }

  /** Noted puts. */
  get count(): number {
    return this.#stretches.reduce((sum, { cells }) => sum + cells.count, 0);
  }

  /** The earliest receive time of what was put, epoch ms. */
  get oldestAt(): number {
    return Math.min(...this.#stretches.map(({ oldestAt }) => oldestAt));
  }

  /** The records from which on something was put. */
  positions(): (Position | undefined)[] {
    return this.#stretches.map(({ first }) => first);
  }

  /** Lines, at least one, are on their way. `notes`: whether what they write is to be known. */
  depart(chunk: Chunk, lines: readonly number[], notes: boolean): Departure {
    const { cells } = this.#current;
    let [oldest = 0] = lines;
    let oldestAt = Infinity;
    for (const line of lines) {
      const receivedAt = chunk.times[line] ?? 0;
      if ((chunk.seqs[line] ?? 0) < (chunk.seqs[oldest] ?? 0)) oldest = line;
      if (receivedAt < oldestAt) oldestAt = receivedAt;
      if (notes) cells.put(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0, receivedAt);
    }
    const stretch = this.#current;
    stretch.depart(chunk.positionOf(oldest), oldestAt);
    return { landed: (nowMs) => stretch.land(nowMs) };
  }

  /** So are these, once more. */
  departAgain(puts: readonly PutAgain[], notes: boolean): Departure {
    const stretch = this.#current;
    for (const { high, low, receivedAt, position, isOfOthers } of puts) {
      if (notes) stretch.cells.put(high, low, receivedAt, isOfOthers);
      if (isOfOthers === true) stretch.departInstead(position, receivedAt);
      else stretch.depart(position, receivedAt);
    }
    return { landed: (nowMs) => puts.forEach(() => stretch.land(nowMs)) };
  }

  /** So are lines of others, in place of what was put of that record or later ones. */
  departInstead(chunk: Chunk, lines: readonly number[], position: Position): Departure {
    const stretch = this.#current;
    let oldestAt = Infinity;
    for (const line of lines) {
      const receivedAt = chunk.times[line] ?? 0;
      if (receivedAt < oldestAt) oldestAt = receivedAt;
      stretch.cells.put(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0, receivedAt, true);
    }
    stretch.departInstead(position, oldestAt);
    return { landed: (nowMs) => stretch.land(nowMs) };
  }

  /** A write of others was received then, and what was put to its cell was answered until `landedMs` when it was found to win. */
  standing(chunk: Chunk, line: number, landedMs: number): WinnerStanding {
    const high = chunk.keyHigh[line] ?? 0;
    const low = chunk.keyLow[line] ?? 0;
    const last = this.#stretches.findLast(({ cells }) => cells.get(high, low) !== undefined);
    const put = last?.cells.get(high, low);
    if (last === undefined || put === undefined) return 'after';
    const isLater = isLaterWrite(last.cells.timeOf(high, low), chunk.times[line] ?? 0);
    // The same may have been written again by others.
    if (isLater && !isSameWrite(put, low)) return 'later';
    return last.landedMs > landedMs ? 'tie' : 'after';
  }

  /** What was put may be written any time until then. */
  hold(nowMs: number): void {
    for (const stretch of this.#stretches) stretch.hold(nowMs);
  }

  /** Whether something that was put is not done with. */
  get isPut(): boolean {
    return this.#stretches[0]?.first !== undefined;
  }

  /** What is put from here on is over later than what was put `spanMs` ago. */
  turn(nowMs: number, spanMs: number): void {
    if (this.#current.first === undefined) this.#begunMs = nowMs;
    const isLong = nowMs - this.#begunMs >= spanMs;
    if (isLong && this.#stretches.length < STRETCHES_MAX) this.#stretches.push(new PutStretch());
  }

  /** The oldest are done with. In their order: a later one hides what an earlier one says of a cell. */
  release(isOver: (stretch: PutStretch) => boolean): void {
    for (;;) {
      const [oldest] = this.#stretches;
      if (oldest?.first === undefined || !isOver(oldest)) return;
      this.#stretches.shift();
    }
  }

  clear(): void {
    this.#stretches = [];
  }

  get #current(): PutStretch {
    const current = this.#stretches.at(-1);
    if (current !== undefined) return current;
    const begun = new PutStretch();
    this.#stretches.push(begun);
    return begun;
  }
}
