import { isUndone, Undone } from '../../record/fork.ts';
import { NOWHERE, type Position } from '../../record/position.ts';
import { readRecords } from '../../record/record.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { Chunk } from '../deliver/chunk.ts';
import { cellGroup, isSameWrite } from '../deliver/point-key.ts';
import { firstOf, type PutStretch } from './put-stretch.ts';
import { isLaterWrite, orderOfOthers } from './write-order.ts';

/** Writes of other lanes that win over what this one put. */
export class Winners {
  /** In the order in which they were found: of several to one instant the last one wins. Their times are orders of writes. */
  readonly writes = new Chunk(CHUNK_BYTES, CHUNK_LINES);
  #position: Position | undefined;
  #landedMs = -Infinity;

  get count(): number {
    return this.writes.count;
  }

  /** The first record of which something is beaten. */
  get position(): Position {
    return this.#position ?? NOWHERE;
  }

  /** When all that they are put over was answered, by the monotonic clock. */
  get landedMs(): number {
    return this.#landedMs;
  }

  clear(): void {
    this.writes.clear();
    this.#position = undefined;
    this.#landedMs = -Infinity;
  }

  /** A line of a chunk wins over what the stretch put to its instant, of that record or a later one. */
  add(chunk: Chunk, line: number, order: number, stretch: PutStretch): void {
    this.writes.add(chunk.bytes, chunk.starts[line] ?? 0, chunk.endOf(line) + 1, {
      seq: 0,
      telnet: chunk.telnet[line] === 1,
      receivedAt: order,
      isOfOthers: true,
    });
    const position = stretch.firstOf(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
    this.#position = firstOf(this.#position, position);
    this.#landedMs = Math.max(this.#landedMs, stretch.landedMs);
  }
}

export interface OpenStretch {
  readonly stretch: PutStretch;
  /** What others received later than this they put when all of the stretch was surely flushed. Epoch ms. */
  readonly contestedUntil: number;
  /** Whether what is put now surely comes after all of it. */
  readonly isFlushed: boolean;
}

const CHUNK_BYTES = 64 * 1024;
const CHUNK_LINES = 1_024;

/** Finds, in frames of other lanes, what must stand in the primary instead of what was put by this one. */
export class LaterWrites {
  readonly #chunk = new Chunk(CHUNK_BYTES, CHUNK_LINES);
  readonly #undone: Undone;
  /** Of the record at hand: the last line of each cell to which something was put. */
  readonly #cells = new Map<number, number>();

  /** `undone`: records that win over nothing. */
  constructor(undone: Undone = new Undone()) {
    this.#undone = undone;
  }

  /**
   * Adds those of the frame's writes that win over what the stretches, oldest first, put last to their instants. They stand in the
   * stretches' tables from then on.
   */
  find(frame: LaneFrame, open: readonly OpenStretch[], winners: Winners): void {
    const oldestAt = Math.min(...open.map(({ stretch }) => stretch.oldestAt));
    const undone = this.#undone.of(frame.lane);
    for (const record of readRecords(frame.body)) {
      const { transport, receivedAt, seq } = record;
      if (transport === 'log' || receivedAt < oldestAt || isUndone(undone, seq)) continue;
      const chunk = this.#chunk;
      chunk.clear();
      chunk.add(frame.body, record.start, record.end, {
        seq,
        telnet: transport === 'telnet',
        receivedAt,
      });
      this.#findIn(chunk, frame.lane, open, winners);
    }
  }

  /** Of several lines of the record to one instant the last one counts. */
  #findIn(chunk: Chunk, lane: string, open: readonly OpenStretch[], winners: Winners): void {
    this.#cells.clear();
    for (let line = 0; line < chunk.count; line += 1) {
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      if (holderOf(high, low, open) !== undefined) this.#cells.set(cellGroup(high, low), line);
    }
    for (const line of this.#cells.values()) {
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      const one = holderOf(high, low, open);
      const write = { lane, seq: chunk.seqs[line] ?? 0, receivedAt: chunk.times[line] ?? 0 };
      if (one === undefined || !isContested(one, write.receivedAt)) continue;
      const { cells, first } = one.stretch;
      const order = orderOfOthers(write, first?.lane ?? '');
      if (!isLaterWrite(order, cells.timeOf(high, low))) continue;
      const isSame = isSameWrite(cells.get(high, low) ?? 0, low);
      if (!isSame) winners.add(chunk, line, order, one.stretch);
      // Of the same, what others wrote before it doesn't win.
      cells.replace(high, low, order);
    }
  }
}

/** The stretch that put to the cell last. */
function holderOf(
  high: number,
  low: number,
  open: readonly OpenStretch[],
): OpenStretch | undefined {
  for (let at = open.length - 1; at >= 0; at -= 1) {
    const one = open[at];
    if (one?.stretch.cells.get(high, low) !== undefined) return one;
  }
  return undefined;
}

/** Whether what was received then may have been put before what the stretch put. What is still under way, or not flushed, is looked at again later. */
function isContested({ isFlushed, contestedUntil }: OpenStretch, receivedAt: number): boolean {
  return isFlushed && receivedAt <= contestedUntil;
}
