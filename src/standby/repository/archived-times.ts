import { type Catalog, readSidecar } from '../../archive/holdings/catalog.ts';
import type { SegmentName } from '../../archive/format/object-names.ts';
import type { Repository } from '../../archive/repository.ts';
import { isForgotten } from '../../record/lane-end.ts';
import { WalError } from '../../runtime/errors.ts';
import { type Frontier, frontierOf, isEarlier } from '../source/frontier.ts';
import { isLacking, type Place } from '../place.ts';

/** The receive time of the last record that a repository holds, epoch ms; -Infinity when that is none. */
export function latestOf({ lanes }: Catalog): number {
  let latestMs = -Infinity;
  for (const { objects } of lanes.values()) {
    for (const { toMs } of objects) latestMs = Math.max(latestMs, toMs);
  }
  return latestMs;
}

/** Everything that the place lacks comes after that. */
export function startOf({ lanes }: Catalog, place: Place): Frontier {
  let start = frontierOf(place);
  for (const [lane, { objects }] of lanes) {
    const last = lastSegmentBy(objects, Infinity);
    if (last === undefined || !isLacking(place, lane, last)) continue;
    const ms = place.lanes.get(lane)?.receivedAt ?? firstMsOf(objects, place);
    if (isEarlier({ ms, lane }, start)) start = { ms, lane };
  }
  return start;
}

/** From when on a lane is lacking of which the place has none that is told by the lane, epoch ms. */
function firstMsOf(objects: readonly SegmentName[], { sinceMs }: Place): number {
  const firstMs = objects.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity);
  return Math.max(sinceMs ?? -Infinity, firstMs);
}

/** The segment with the last record, of those that were received up to then as a whole, epoch ms. */
export function lastSegmentBy(
  objects: readonly SegmentName[],
  ms: number,
): SegmentName | undefined {
  let last: SegmentName | undefined;
  for (const one of objects) if (one.toMs <= ms && one.lastSeq > (last?.lastSeq ?? 0)) last = one;
  return last;
}

const LANES_AT_ONCE = 32;
/** So long after it was made a segment may have appeared, on a share that refused it first, and by another clock. */
const COMMIT_MS_MAX = 86_400_000;

/**
 * The place, which says of lanes that it has nothing of them, though they are as old as those that it has forgotten: they were archived after all that it
 * contains, as of a proxy that was away all that time. What was merged as late looks the same, and is given again.
 */
export async function withLate(
  repository: Repository,
  { lanes }: Catalog,
  place: Place,
): Promise<Place> {
  const { latestMs, sinceMs } = place;
  if (latestMs === null) return place;
  const forgotten = [...lanes].flatMap(([lane, { begin, objects }]) => {
    const last = place.lanes.has(lane) ? undefined : lastSegmentBy(objects, Infinity);
    if (last === undefined || !isForgotten(last.toMs, latestMs)) return [];
    if (last.toMs <= (sinceMs ?? -Infinity)) return [];
    const receivedAt = firstMsOf(objects, place);
    return [{ last, nothing: { ordinal: begin?.ordinal ?? 1, seq: 0, receivedAt } }];
  });
  const known = new Map(place.lanes);
  for (let at = 0; at < forgotten.length; at += LANES_AT_ONCE) {
    const some = forgotten.slice(at, at + LANES_AT_ONCE).map(async ({ last, nothing }) => {
      const madeAt = await madeAtOf(repository, last);
      if (madeAt >= latestMs - COMMIT_MS_MAX) known.set(last.lane, nothing);
    });
    await Promise.all(some);
  }
  return { ...place, lanes: known };
}

/** When it was made, epoch ms; -Infinity of one that is gone or damaged: that is told by who reads it. */
async function madeAtOf({ store }: Repository, segment: SegmentName): Promise<number> {
  try {
    return (await readSidecar(store, segment))?.createdAt ?? -Infinity;
  } catch (error) {
    if (error instanceof WalError && error.code === 'REPOSITORY_DAMAGED') return -Infinity;
    throw error;
  }
}
