import type { Applied, Unlocated } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Chunk } from './chunk.ts';
import type { RefusedPoint } from './delivery-options.ts';
import { cellGroup } from './point-key.ts';

/** A batch on its way. */
export interface Flight {
  readonly batch: Batch;
  readonly sentMs: number;
  /** Lines that may tie with an earlier write of their instant. */
  readonly rewrites: readonly number[];
  /** Replaced when the batch must be applied again. */
  answer: Promise<Applied | Unlocated>;
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

/** Those of the refused lines whose instant is written again behind them, in the batch or in later ones. */
export function overtakenLines(
  { chunk, lines }: Batch,
  refused: ReadonlySet<number>,
  later: readonly Batch[],
): Set<number> {
  const overtaken = new Set<number>();
  if (refused.size === 0) return overtaken;
  const cells = new Set<number>();
  for (const part of later) for (const line of part.lines) cells.add(cellOf(part.chunk, line));
  for (const line of lines.toReversed()) {
    const cell = cellOf(chunk, line);
    if (refused.has(line) && cells.has(cell)) overtaken.add(line);
    cells.add(cell);
  }
  return overtaken;
}

function cellOf({ keyHigh, keyLow }: Chunk, line: number): number {
  return cellGroup(keyHigh[line] ?? 0, keyLow[line] ?? 0);
}
