import type { ObjectStore } from '../../storage/object-store.ts';
import { listDays, type ListedDays, listOutermost } from './lane-listing.ts';
import { liesIn } from './lane-spans.ts';
import {
  dayAt,
  formatSidecarName,
  type Level,
  LEVELS,
  parseObjectName,
  type SegmentName,
  segmentOf,
} from '../format/object-names.ts';

export interface LaneListing {
  readonly store: ObjectStore;
  readonly lane: string;
  /** Is told the names that no object of a lane has. */
  readonly onStranger: (name: string) => void;
}

/**
 * The segments of a lane that lie in no other: years of it are a name for each day. What stands beside the segment of a merged day isn't
 * looked for, but on the last such day: a lane ends there, or goes on.
 */
export async function listOuter(
  { store, lane, onStranger }: LaneListing,
  days: ListedDays,
): Promise<SegmentName[]> {
  const outer = new OuterSegments();
  let last: SegmentName | undefined;
  for await (const { name } of listOutermost(store, lane, days)) {
    const segment = sidecarOf(name, onStranger);
    if (segment === undefined) continue;
    outer.take(segment);
    if (segment.level === 'day') last = segment;
  }
  if (last === undefined) return outer.segments;
  return [...outer.segments, ...(await listBeside(store, lane, outer.segments, dayAt(last.toMs)))];
}

/** The segments of a merged day that do not lie in those that are known. */
export async function listBeside(
  store: ObjectStore,
  lane: string,
  known: readonly SegmentName[],
  day: string,
): Promise<SegmentName[]> {
  const ofDay = known.filter(({ toMs }) => dayAt(toMs) === day);
  const names = new Set(ofDay.map(formatSidecarName));
  const outer = new OuterSegments();
  for (const segment of ofDay) outer.take(segment);
  const { length } = outer.segments;
  await listBelow(store, { lane, day, level: 'day' }, (segment) => {
    if (!names.has(formatSidecarName(segment))) outer.take(segment);
  });
  return outer.segments.slice(length);
}

/** The largest of the segments that a merged one stands for, as far as they are there: it was made of them, on one day. */
export async function listInner(
  store: ObjectStore,
  { lane, level, firstSeq, lastSeq, toMs }: SegmentName,
): Promise<SegmentName[]> {
  const inner = new OuterSegments();
  await listBelow(store, { lane, day: dayAt(toMs), level }, (segment) => {
    if (segment.firstSeq <= lastSeq && segment.lastSeq >= firstSeq) inner.take(segment);
  });
  return inner.segments;
}

async function listBelow(
  store: ObjectStore,
  { lane, day, level }: { readonly lane: string; readonly day: string; readonly level: Level },
  take: (segment: SegmentName) => void,
): Promise<void> {
  // Those first in which the others may lie.
  for (const below of LEVELS.slice(0, LEVELS.indexOf(level)).toReversed()) {
    const folder = `lanes/${lane}/${below}`;
    for await (const { name } of listDays(store, folder, { from: day, through: day })) {
      const segment = sidecarOf(name);
      if (segment !== undefined) take(segment);
    }
  }
}

function sidecarOf(name: string, onStranger?: (name: string) => void): SegmentName | undefined {
  const parsed = parseObjectName(name);
  if (parsed === undefined) onStranger?.(name);
  return parsed?.kind === 'sidecar' ? segmentOf(parsed) : undefined;
}

/** Of segments of one lane those that lie in none that was taken before. */
class OuterSegments {
  readonly segments: SegmentName[] = [];
  /** Those that others may lie in, by day: what was merged lies on the day of its parts. */
  readonly #merged = new Map<string, SegmentName[]>();

  take(segment: SegmentName): void {
    const day = dayAt(segment.toMs);
    const merged = this.#merged.get(day) ?? [];
    if (merged.some((one) => liesIn(segment, one))) return;
    this.segments.push(segment);
    if (segment.level !== 'minute') this.#merged.set(day, [...merged, segment]);
  }
}
