import { comparePositions, NOWHERE, type Position } from '../record/position.ts';
import { Chunk } from './chunk.ts';
import type { ChunkLimits, ChunkReader } from './chunk-reader.ts';
import { isSameInstant } from './fold.ts';
import { type LaterWrite, LaterWrites } from './later-writes.ts';
import type { LookThrough, LookThroughOptions } from './look-through.ts';
import { cellGroup } from './point-key.ts';
import { PutStretch } from './put-stretch.ts';

export interface ForesightOptions extends Pick<LookThroughOptions, 'others' | 'receiveNow'> {
  readonly reader: Pick<ChunkReader, 'fill'>;
  readonly look: Pick<LookThrough, 'state'>;
  /** What was received longer ago is looked at before it is sent. */
  readonly oldMs: number;
  readonly clockBoundMs: number;
  /** Looked at together. */
  readonly pointsMax: number;
  /** The write of another lane is put instead; the cursor stays before the position until then. */
  readonly giveWay: (write: LaterWrite, position: Position) => void;
}

const WINNERS_MAX = 20_000;
const SCAN = { lines: 10_000, bytes: 1_048_576 } as const;

/**
 * Reads a backlog, and finds out before it is sent what other lanes have overwritten since: of that not the old values are put, which
 * would stand in the primary until a look finds them, but the others'. It need not find all, nor what comes meanwhile: what is sent is
 * looked through in any case.
 */
export class Foresight {
  readonly #options: ForesightOptions;
  readonly #scanned = new Chunk(SCAN.bytes, SCAN.lines);
  /** By cell, of what stands in the log behind `#from`, up to `#to`. */
  #winners = new Map<number, LaterWrite>();
  #from: Position = NOWHERE;
  #to: Position = NOWHERE;

  constructor(options: ForesightOptions) {
    this.#options = options;
  }

  /** As ChunkReader; of a backlog the lines that others have overwritten are marked, and their writes given way to. */
  async fill(
    chunk: Chunk,
    position: Position | undefined,
    limits: ChunkLimits,
    backlog: AbortSignal | undefined,
  ): Promise<void> {
    const { reader, look, receiveNow, oldMs } = this.#options;
    await reader.fill(chunk, position, limits);
    const isOld = chunk.count > 0 && (chunk.times[0] ?? 0) < receiveNow() - oldMs;
    if (backlog === undefined || !isOld || look.state.kind !== 'shared') return;
    if (chunk.last === undefined) return;
    if (!this.#covers(position ?? NOWHERE, chunk.last)) await this.#lookAhead(position, backlog);
    this.#mark(chunk);
  }

  #covers(position: Position, last: Position): boolean {
    return comparePositions(this.#from, position) <= 0 && comparePositions(last, this.#to) <= 0;
  }

  /** What can't be read is found later. */
  async #lookAhead(position: Position | undefined, signal: AbortSignal): Promise<void> {
    const { others, clockBoundMs } = this.#options;
    this.#winners = new Map();
    const stretch = await this.#scan(position, signal);
    const open = [{ stretch, contestedUntil: Infinity, isLanded: true }];
    const writes = new LaterWrites();
    try {
      for await (const frame of others.read(stretch.oldestAt - clockBoundMs, signal)) {
        for (const { write } of writes.find(frame, open)) {
          this.#winners.set(cellGroup(write.high, write.low), write);
        }
        if (this.#winners.size >= WINNERS_MAX) return;
      }
    } catch {
      // The looks that follow have the same trouble, and tell it.
    }
  }

  async #scan(position: Position | undefined, signal: AbortSignal): Promise<PutStretch> {
    const { reader, receiveNow, oldMs, pointsMax } = this.#options;
    const stretch = new PutStretch();
    const chunk = this.#scanned;
    this.#from = position ?? NOWHERE;
    this.#to = this.#from;
    let place = position;
    while (stretch.cells.count < pointsMax && !signal.aborted) {
      chunk.clear();
      await reader.fill(chunk, place, SCAN);
      if (chunk.last === undefined) break;
      place = chunk.last;
      this.#to = place;
      for (let line = 0; line < chunk.count; line += 1) {
        const high = chunk.keyHigh[line] ?? 0;
        stretch.cells.put(high, chunk.keyLow[line] ?? 0, chunk.times[line] ?? 0);
      }
      if (chunk.count > 0) stretch.depart(chunk.positionOf(0), chunk.times[0] ?? 0);
      const newestAt = chunk.times[Math.max(0, chunk.count - 1)] ?? 0;
      if (chunk.count > 0 && newestAt > receiveNow() - oldMs) break;
    }
    return stretch;
  }

  #mark(chunk: Chunk): void {
    if (this.#winners.size === 0) return;
    for (let line = 0; line < chunk.count; line += 1) {
      const cell = cellGroup(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
      const winner = this.#winners.get(cell);
      if (winner === undefined || winner.receivedAt <= (chunk.times[line] ?? 0)) continue;
      if (!isSameInstant(winner.line, chunk.text(line))) continue;
      chunk.isBeaten[line] = 1;
      this.#options.giveWay(winner, chunk.positionOf(line));
    }
  }
}
