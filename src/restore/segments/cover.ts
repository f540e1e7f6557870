import { LEVELS, type SegmentName } from '../../archive/format/object-names.ts';

/** A segment, and the sequences of it that are taken: those not taken come from another one. */
export interface SegmentUse {
  readonly segment: SegmentName;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Records of a lane that no segment holds, both ends included. */
interface Gap {
  readonly lane: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface LaneCover {
  /** May hold records received up to the moment restored to; the last of them may hold later ones, too. In order. */
  readonly points: readonly SegmentUse[];
  /** Hold later records only: what they say of refused points is wanted. */
  readonly later: readonly SegmentUse[];
  readonly gaps: readonly Gap[];
}

/**
 * Chooses segments of one lane so that every sequence from `firstSeq` on that any of them holds is taken exactly once:
 * few large ones where these end by that moment, and across it the smallest that there is.
 */
export function coverLane(
  lane: string,
  segments: readonly SegmentName[],
  firstSeq: number,
  throughMs: number,
): LaneCover {
  const points: SegmentUse[] = [];
  const later: SegmentUse[] = [];
  const gaps: Gap[] = [];
  const sorted = segments.toSorted((a, b) => a.firstSeq - b.firstSeq);
  let open: SegmentName[] = [];
  let next = 0;
  let seq = firstSeq;
  // After a segment that ends later than the moment restored to there are only later records.
  let isLater = false;
  for (;;) {
    for (; (sorted[next]?.firstSeq ?? Infinity) <= seq; next += 1) {
      const segment = sorted[next];
      if (segment !== undefined && segment.lastSeq >= seq) open.push(segment);
    }
    open = open.filter(({ lastSeq }) => lastSeq >= seq);
    // What is only later is taken whole, not by its smallest parts.
    isLater ||= open.length > 0 && open.every(({ fromMs }) => fromMs > throughMs);
    const segment = choose(open, isLater ? Infinity : throughMs);
    if (segment === undefined) {
      const following = sorted[next];
      if (following === undefined) return { points, later, gaps };
      gaps.push({ lane, firstSeq: seq, lastSeq: following.firstSeq - 1 });
      seq = following.firstSeq;
      continue;
    }
    const use = { segment, firstSeq: seq, lastSeq: segment.lastSeq };
    (isLater || segment.fromMs > throughMs ? later : points).push(use);
    isLater ||= segment.toMs > throughMs;
    seq = segment.lastSeq + 1;
  }
}

/** Of segments that hold the next sequence: the one that reaches farthest by the time; if none ends by then, the shortest. */
function choose(open: readonly SegmentName[], throughMs: number): SegmentName | undefined {
  let best: SegmentName | undefined;
  for (const segment of open) {
    if (best === undefined || isBetter(segment, best, throughMs)) best = segment;
  }
  return best;
}

function isBetter(segment: SegmentName, than: SegmentName, throughMs: number): boolean {
  const isWhole = segment.toMs <= throughMs;
  if (isWhole !== than.toMs <= throughMs) return isWhole;
  const longer = segment.lastSeq - than.lastSeq;
  if (longer !== 0) return longer > 0 === isWhole;
  return LEVELS.indexOf(segment.level) > LEVELS.indexOf(than.level) === isWhole;
}
