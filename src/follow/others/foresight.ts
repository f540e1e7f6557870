import { comparePositions, NOWHERE, type Position } from '../../record/position.ts';
import { Chunk } from '../deliver/chunk.ts';
import type { ChunkLimits, ChunkReader } from '../deliver/chunk-reader.ts';
import { LaterWrites, Winners } from './later-writes.ts';
import type { LookThrough, LookThroughOptions } from './look-through.ts';
import { cellGroup } from '../deliver/point-key.ts';
import { PutStretch } from './put-stretch.ts';
import { isLaterWrite } from './write-order.ts';

export interface ForesightOptions extends Pick<
  LookThroughOptions,
  'others' | 'receiveNow' | 'undone'
> {
  readonly reader: Pick<ChunkReader, 'fill'>;
  readonly look: Pick<LookThrough, 'state'>;
  /** What was received longer ago is looked at before it is sent. */
  readonly oldMs: number;
  readonly clockBoundMs: number;
  /** Looked at together. */
  readonly pointsMax: number;
  /** So many points of other lanes are put instead. */
  readonly onLater: (points: number) => void;
}

/** Writes of others that are kept at once, each time that an instant was overwritten. */
const WINNERS_MAX = 100_000;
const WINNERS_BYTES_MAX = 16 * 1024 * 1024;
const SCAN = { lines: 10_000, bytes: 1_048_576 } as const;

/**
 * Reads a backlog, and finds out before it is sent what other lanes have overwritten since: of that not the old values are put, which
 * would stand in the primary until a look finds them, but the others'. It need not find all, nor what comes meanwhile: what is sent is
 * looked through in any case.
 */
export class Foresight {
  readonly #options: ForesightOptions;
  readonly #scanned = new Chunk(SCAN.bytes, SCAN.lines);
  /** Of what stands in the log after `#from`, up to `#to`; kept from piece to piece of a backlog. */
  #winners: Winners | undefined;
  /** Their lines by cell. */
  readonly #lineOf = new Map<number, number>();
  #from: Position = NOWHERE;
  #to: Position = NOWHERE;

  constructor(options: ForesightOptions) {
    this.#options = options;
  }

  /** As ChunkReader; of a backlog what others have overwritten is followed by what they wrote, as if that stood in the log. */
  async fill(
    chunk: Chunk,
    position: Position | undefined,
    limits: ChunkLimits,
    backlog: AbortSignal | undefined,
  ): Promise<void> {
    const { reader, look, receiveNow, oldMs } = this.#options;
    await reader.fill(chunk, position, limits);
    const isOld = chunk.count > 0 && (chunk.times[0] ?? 0) < receiveNow() - oldMs;
    if (backlog === undefined || !isOld || look.state.kind !== 'shared') {
      if (chunk.count > 0) this.#release();
      return;
    }
    if (chunk.last === undefined) return;
    const winners = this.#covers(position ?? NOWHERE, chunk.last)
      ? this.#winners
      : await this.#lookAhead(position, backlog);
    if (winners !== undefined) this.#addWinners(chunk, winners.writes);
  }

  /** The memory is not needed for long; what is read again is looked at again. */
  #release(): void {
    this.#winners = undefined;
    this.#lineOf.clear();
    this.#from = this.#to = NOWHERE;
  }

  #covers(position: Position, last: Position): boolean {
    return comparePositions(this.#from, position) <= 0 && comparePositions(last, this.#to) <= 0;
  }

  /** What can't be read is found later. */
  async #lookAhead(position: Position | undefined, signal: AbortSignal): Promise<Winners> {
    const { others, clockBoundMs, undone } = this.#options;
    this.#lineOf.clear();
    const winners = (this.#winners ??= new Winners());
    winners.clear();
    const { writes } = winners;
    const stretch = await this.#scan(position, signal);
    const open = [{ stretch, contestedUntil: Infinity, isFlushed: true }];
    const later = new LaterWrites(undone);
    try {
      for await (const frame of others.read(stretch.oldestAt - clockBoundMs, signal)) {
        later.find(frame, open, winners);
        if (writes.count >= WINNERS_MAX || writes.length >= WINNERS_BYTES_MAX) break;
      }
    } catch {
      // The looks that follow have the same trouble, and tell it.
    }
    for (let line = 0; line < writes.count; line += 1) this.#lineOf.set(cellOf(writes, line), line);
    return winners;
  }

  async #scan(position: Position | undefined, signal: AbortSignal): Promise<PutStretch> {
    const { reader, receiveNow, oldMs, pointsMax } = this.#options;
    const stretch = new PutStretch();
    const chunk = this.#scanned;
    this.#from = this.#to = position ?? NOWHERE;
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

  /** After the chunk's own lines, so that they are folded: where the last of these to an instant is older. */
  #addWinners(chunk: Chunk, winners: Chunk): void {
    if (this.#lineOf.size === 0) return;
    const beaten = new Map<number, number>();
    for (let line = 0; line < chunk.count; line += 1) {
      const cell = cellOf(chunk, line);
      if (this.#lineOf.has(cell)) beaten.set(cell, line);
    }
    let points = 0;
    for (const [cell, line] of beaten) {
      const winner = this.#lineOf.get(cell) ?? 0;
      const receivedAt = winners.times[winner] ?? 0;
      if (!isLaterWrite(receivedAt, chunk.times[line] ?? 0)) continue;
      chunk.add(winners.bytes, winners.starts[winner] ?? 0, winners.endOf(winner) + 1, {
        seq: chunk.seqs[line] ?? 0,
        telnet: winners.telnet[winner] === 1,
        receivedAt,
        isOfOthers: true,
      });
      points += 1;
    }
    if (points > 0) this.#options.onLater(points);
  }
}

function cellOf({ keyHigh, keyLow }: Chunk, line: number): number {
  return cellGroup(keyHigh[line] ?? 0, keyLow[line] ?? 0);
}
