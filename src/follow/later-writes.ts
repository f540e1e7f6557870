import { isUndone, Undone } from '../record/fork.ts';
import { NOWHERE, type Position } from '../record/position.ts';
import { readRecords } from '../record/record.ts';
import type { LaneFrame } from '../record/lane-frame.ts';
import { Chunk } from './chunk.ts';
import { isSameWrite } from './point-key.ts';
import { firstOf, type PutStretch } from './put-stretch.ts';

/** Writes of other lanes that win over what this one put. */
export class Winners {
  /** In the order in which they were found: of several to one instant the last one wins. */
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
  add(chunk: Chunk, line: number, stretch: PutStretch, position: Position | undefined): void {
    this.writes.add(chunk.bytes, chunk.starts[line] ?? 0, chunk.endOf(line) + 1, {
      seq: 0,
      telnet: chunk.telnet[line] === 1,
      receivedAt: chunk.times[line] ?? 0,
      isOfOthers: true,
    });
    this.#position = firstOf(this.#position, position);
    this.#landedMs = Math.max(this.#landedMs, stretch.landedMs);
  }
}

export interface OpenStretch {
  readonly stretch: PutStretch;
  /** What others received later than this they put when all of the stretch was surely flushed. Epoch ms. */
  readonly contestedUntil: number;
  /** Whether what is put now surely comes behind all of it. */
  readonly isFlushed: boolean;
}

const CHUNK_BYTES = 64 * 1024;
const CHUNK_LINES = 1_024;

/** Finds, in frames of other lanes, what must stand in the primary instead of what was put by this one. */
export class LaterWrites {
  readonly #chunk = new Chunk(CHUNK_BYTES, CHUNK_LINES);
  readonly #undone: Undone;

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
      if (transport === 'log' || receivedAt <= oldestAt || isUndone(undone, seq)) continue;
      const chunk = this.#chunk;
      chunk.clear();
      chunk.add(frame.body, record.start, record.end, {
        seq,
        telnet: transport === 'telnet',
        receivedAt,
      });
      for (let line = 0; line < chunk.count; line += 1) {
        const stretch = beaten(chunk, line, open);
        if (stretch === undefined) continue;
        const high = chunk.keyHigh[line] ?? 0;
        const low = chunk.keyLow[line] ?? 0;
        winners.add(chunk, line, stretch, stretch.firstOf(high, low));
        stretch.cells.replace(high, low, receivedAt);
      }
    }
  }
}

/** The stretch that put to the line's instant last, if what it put is older than the line and may have come behind it. */
function beaten(chunk: Chunk, line: number, open: readonly OpenStretch[]): PutStretch | undefined {
  const high = chunk.keyHigh[line] ?? 0;
  const low = chunk.keyLow[line] ?? 0;
  const receivedAt = chunk.times[line] ?? 0;
  for (let at = open.length - 1; at >= 0; at -= 1) {
    const one = open[at];
    const put = one?.stretch.cells.get(high, low);
    if (one === undefined || put === undefined) continue;
    const { stretch, contestedUntil } = one;
    // What is still under way, or not flushed, is looked at again later.
    if (
      !one.isFlushed ||
      receivedAt > contestedUntil ||
      receivedAt <= stretch.cells.timeOf(high, low)
    )
      return undefined;
    if (!isSameWrite(put, low)) return stretch;
    // What others wrote before it doesn't win.
    stretch.cells.replace(high, low, receivedAt);
    return undefined;
  }
  return undefined;
}
