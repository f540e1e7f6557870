import { computeCoverage, type LaneHoldings } from './coverage.ts';
import { dayAt, type SegmentName } from './object-names.ts';

interface ListedLane extends LaneHoldings {
  readonly objects: readonly SegmentName[];
}

/**
 * By lane the merged days beside whose segments there may be what the lane seems to lack, as `2025/03/04`: those of the holes, from what is before
 * them to what is behind.
 */
export function doubtfulDays(lanes: ReadonlyMap<string, ListedLane>): Map<string, Set<string>> {
  const doubtful = new Map<string, Set<string>>();
  for (const { lane, firstSeq, fromMs } of computeCoverage({ lanes }).holes) {
    const objects = lanes.get(lane)?.objects ?? [];
    const behind = objects.filter((object) => object.firstSeq > firstSeq);
    const untilMs = behind.reduce((least, { toMs }) => Math.min(least, toMs), Infinity);
    const through = untilMs === Infinity ? undefined : dayAt(untilMs);
    const days = doubtful.get(lane) ?? new Set();
    for (const { level, toMs } of objects) {
      const day = dayAt(toMs);
      const isAround = day >= dayAt(fromMs) && (through === undefined || day <= through);
      if (level === 'day' && isAround) days.add(day);
    }
    if (days.size > 0) doubtful.set(lane, days);
  }
  return doubtful;
}
