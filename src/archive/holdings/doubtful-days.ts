import type { ObjectStore } from '../../storage/object-store.ts';
import { computeCoverage, type Coverage, type LaneHoldings } from './coverage.ts';
import type { ListedDays } from './lane-listing.ts';
import { dayAt, type SegmentName, type Span } from '../format/object-names.ts';
import { listBeside } from './outer-segments.ts';

interface ListedLane extends LaneHoldings {
  readonly objects: readonly SegmentName[];
}

/** The same lanes with what stands beside the segments of merged days where something seems to be missing: these may have been made without it. */
export async function withBeside<T extends ListedLane>(
  store: ObjectStore,
  listed: ReadonlyMap<string, T>,
): Promise<Map<string, T>> {
  const lanes = new Map(listed);
  for (const [lane, doubtful] of doubtfulDays(listed, computeCoverage({ lanes: listed }))) {
    const holdings = lanes.get(lane);
    if (holdings === undefined) continue;
    const objects = [...holdings.objects];
    const merged = objects.filter(({ level }) => level === 'day').map(({ toMs }) => dayAt(toMs));
    for (const day of new Set(merged)) {
      if (doubtful.some((days) => isAmong(day, days))) {
        objects.push(...(await listBeside(store, lane, objects, day)));
      }
    }
    lanes.set(lane, { ...holdings, objects });
  }
  return lanes;
}

/** By lane the days on which what it seems to lack was received: of each hole from what is before it to what is after. */
export function doubtfulDays(
  lanes: ReadonlyMap<string, ListedLane>,
  { holes }: Pick<Coverage, 'holes'>,
): Map<string, ListedDays[]> {
  const doubtful = new Map<string, ListedDays[]>();
  for (const { lane, firstSeq, fromMs } of holes) {
    const { begin, objects } = lanes.get(lane) ?? {};
    if (objects === undefined) continue;
    const untilMs = endAfter(objects, firstSeq);
    const days = {
      // Without its begin a lane seems to begin with what is there.
      from: begin === undefined ? '' : dayAt(fromMs),
      through: untilMs === Infinity ? undefined : dayAt(untilMs),
    };
    doubtful.set(lane, [...(doubtful.get(lane) ?? []), days]);
  }
  return doubtful;
}

/** When what is after a record ends at first, epoch ms: what lacks there was received no later. Infinity when nothing is after it. */
export function endAfter(objects: readonly Span[], seq: number): number {
  let untilMs = Infinity;
  for (const { firstSeq, toMs } of objects) if (firstSeq > seq) untilMs = Math.min(untilMs, toMs);
  return untilMs;
}

export function isAmong(day: string, { from, through }: ListedDays): boolean {
  return day >= from && (through === undefined || day <= through);
}
