import { type CoverageHole, formatRecords } from './coverage.ts';
import type { SegmentName } from '../format/object-names.ts';

/** Records of a segment that nothing else holds. */
export interface LostRecords {
  readonly runs: readonly Pick<CoverageHole, 'lane' | 'firstSeq' | 'lastSeq'>[];
  /** The state of every time before it can do without them; epoch ms. */
  readonly fromMs: number;
}

/** What of a segment is in holes of the coverage, in their order; undefined: nothing. */
export function lostOf(
  { lane, firstSeq, lastSeq }: SegmentName,
  holes: readonly CoverageHole[],
): LostRecords | undefined {
  const inIt = holes.filter(
    (hole) =>
      hole.lane === lane && hole.firstSeq <= lastSeq && (hole.lastSeq ?? Infinity) >= firstSeq,
  );
  const [first] = inIt;
  if (first === undefined) return undefined;
  const runs = inIt.map((hole) => ({
    lane,
    firstSeq: Math.max(hole.firstSeq, firstSeq),
    lastSeq: Math.min(hole.lastSeq ?? Infinity, lastSeq),
  }));
  return { runs, fromMs: first.fromMs };
}

const SHOWN_MAX = 3;

/** Runs of missing records as people read them: the first three, and how many more there are. */
export function formatLost(runs: LostRecords['runs']): string {
  const shown = runs.slice(0, SHOWN_MAX).map(formatRecords).join(', ');
  return runs.length > SHOWN_MAX ? `${shown}, and ${runs.length - SHOWN_MAX} more runs` : shown;
}
