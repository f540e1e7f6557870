import { readLineBatches } from './line-batches.ts';

/** A cell of the expected state, as the fold writes it. */
export interface ExpectedCell {
  readonly metric: string;
  /** The archive's canonical form; see archive/format/canonical-tags.ts. */
  readonly tags: string;
  readonly instantMs: number;
  readonly transport: string;
  /** As sent. */
  readonly value: string;
}

/** Reads what `Fold.writeCells` wrote, in bounded memory. Throws on a line that it did not write. */
export async function* readCells(path: string): AsyncGenerator<readonly ExpectedCell[]> {
  for await (const lines of readLineBatches(path)) yield lines.map(parseCell);
}

/** One text for one set of tags. */
export function seriesKey(tags: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function parseCell(line: string): ExpectedCell {
  const [metric, tags, instant, transport, value, ...more] = line.split('\t');
  const isWhole = metric !== undefined && tags !== undefined && transport !== undefined;
  if (!isWhole || value === undefined || more.length > 0) {
    throw new Error(`no cell: ${line.slice(0, 200)}`);
  }
  return { metric, tags, instantMs: Number(instant), transport, value };
}
