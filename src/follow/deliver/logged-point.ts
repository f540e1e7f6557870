import type { Position } from '../../record/position.ts';
import type { Batch } from './batch.ts';
import { Chunk } from './chunk.ts';

/** A point that was sent, and where the log has it. */
export interface LoggedPoint {
  readonly position: Position;
  /** Of the record, epoch ms. */
  readonly receivedAt: number;
  /** That it writes to, epoch ms. */
  readonly instant: number;
  /** Place of the line in its record. */
  readonly index: number;
  /** The canonical line, without `\n`. */
  readonly line: string;
  readonly telnet: boolean;
  readonly high: number;
  readonly low: number;
  /** The write is another lane's, put in place of the record's: what becomes of it is not for this one to tell. */
  readonly isOfOthers?: boolean;
}

/** A point that the primary refused. */
export interface RefusedPoint extends LoggedPoint {
  readonly error: string;
}

/** What is known of a line of a batch. */
export function loggedPoint(
  { chunk, telnet }: Pick<Batch, 'chunk' | 'telnet'>,
  line: number,
): LoggedPoint {
  return {
    position: chunk.positionOf(line),
    receivedAt: chunk.times[line] ?? 0,
    instant: chunk.instants[line] ?? 0,
    index: chunk.indexes[line] ?? 0,
    line: chunk.text(line),
    telnet,
    high: chunk.keyHigh[line] ?? 0,
    low: chunk.keyLow[line] ?? 0,
    isOfOthers: chunk.isOfOthers[line] === 1,
  };
}

/** A chunk that has the line of one logged point alone, to put it again. */
export function chunkOf({ line, position, index, ...point }: LoggedPoint): Chunk {
  const bytes = Buffer.from(`${line}\n`);
  const chunk = new Chunk(bytes.length, 1);
  chunk.add(bytes, 0, bytes.length, { ...point, seq: position.seq });
  chunk.indexes[0] = index;
  chunk.last = position;
  return chunk;
}
