import type { Applied } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Chunk } from './chunk.ts';
import type { RefusedPoint } from './delivery-options.ts';

/** A batch on its way. */
export interface Flight {
  readonly batch: Batch;
  readonly sentMs: number;
  /** Lines that may tie with an earlier write of their instant. */
  readonly rewrites: readonly number[];
  readonly answer: Promise<Applied>;
}

/** Keeps the place of records without points among the batches under way. */
export function emptyFlight(chunk: Chunk): Flight {
  const batch = { telnet: true, body: Buffer.alloc(0), chunk, lines: [], last: chunk.last };
  const answer = Promise.resolve<Applied>({ kind: 'handled', refused: [] });
  return { batch, sentMs: Infinity, rewrites: [], answer };
}

/** What is known of a line that the primary refused. */
export function refusedPoint({ chunk, telnet }: Batch, line: number, error: string): RefusedPoint {
  return {
    position: chunk.positionOf(line),
    index: chunk.indexes[line] ?? 0,
    line: chunk.text(line),
    telnet,
    high: chunk.keyHigh[line] ?? 0,
    low: chunk.keyLow[line] ?? 0,
    error,
  };
}
