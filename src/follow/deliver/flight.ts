import type { Applied, LineError, Unlocated } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Canary } from '../prove/canary.ts';
import type { Chunk } from './chunk.ts';
import { loggedPoint, type RefusedPoint } from './logged-point.ts';
import type { Mends, Rewrites } from '../rewrites/mends.ts';
import { cellGroup } from './point-key.ts';
import type { Departure } from '../others/put-notes.ts';
import type { RecentWrites } from '../rewrites/recent-writes.ts';
import type { Suspects } from './suspects.ts';

/** A batch on its way. */
export interface Flight {
  readonly batch: Batch;
  readonly sentMs: number;
  /** What may tie with an earlier write of its instant. */
  readonly rewrites: Rewrites;
  readonly departure: Departure | undefined;
  /** Replaced when the batch must be applied again. */
  answer: Promise<Applied | Unlocated>;
}

/** What was put before, and what of it is not over. */
interface PutsBefore {
  readonly recent: RecentWrites;
  readonly canary: Canary;
  readonly mends: Mends;
  readonly suspects: Suspects;
}

/**
 * Notes the lines of a batch that is sent now; returns those that may lose against an earlier write of their instant. `late`: lines of
 * the chunk that may be rewrites in hours that are over.
 */
export function noteRewrites(
  { chunk, lines }: Batch,
  late: ReadonlySet<number>,
  { recent, canary, mends, suspects }: PutsBefore,
): Rewrites {
  const { keyHigh, keyLow } = chunk;
  const rewrites: number[] = [];
  const cells: number[] = [];
  for (const line of lines) {
    const high = keyHigh[line] ?? 0;
    const low = keyLow[line] ?? 0;
    const isRewrite = recent.register(chunk, line);
    const isOvertaking = canary.overtake(high, low);
    if (isRewrite || isOvertaking || late.has(line) || mends.has(high, low)) {
      rewrites.push(line);
      cells.push(mends.announce(high, low));
    }
    suspects.supersede(high, low);
  }
  return { lines: rewrites, cells };
}

/** Keeps the place of records without points among the batches under way. */
export function emptyFlight(chunk: Chunk): Flight {
  const batch = { telnet: true, body: Buffer.alloc(0), chunk, lines: [], last: chunk.last };
  const answer = Promise.resolve<Applied>({ kind: 'handled', refused: [] });
  return {
    batch,
    sentMs: Infinity,
    rewrites: { lines: [], cells: [] },
    departure: undefined,
    answer,
  };
}

/** What is known of the lines that the primary refused: those of this lane, and which of them are written again after it. */
export function refusedPoints(
  batch: Batch,
  lines: readonly LineError[],
  later: readonly Batch[],
): { readonly own: readonly RefusedPoint[]; readonly settled: ReadonlySet<RefusedPoint> } {
  const overtaken = overtakenLines(batch, new Set(lines.map(({ line }) => line)), later);
  const points = lines.map(({ line, error }) => ({ ...loggedPoint(batch, line), error }));
  return {
    own: points.filter(({ isOfOthers }) => isOfOthers !== true),
    settled: new Set(points.filter((_, at) => overtaken.has(lines[at]?.line ?? 0))),
  };
}

/** Those of the refused lines whose instant is written again after them, in the batch or in later ones. */
function overtakenLines(
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
