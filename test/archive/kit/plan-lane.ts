import { type Merge, planDay, withEdges } from '../../../src/archive/merge/merge-plan.ts';
import type { SegmentName } from '../../../src/archive/format/object-names.ts';

/** As in names of objects. */
export const dayOf = ({ toMs }: Pick<SegmentName, 'toMs'>): string =>
  new Date(toMs).toISOString().slice(0, 10).replaceAll('-', '/');

/** What a merger would do that sees these segments of a lane; `lastSeq`: where the lane ends, if that is known. */
export async function planLane(
  segments: readonly SegmentName[],
  lastSeq: number | undefined,
): Promise<Merge[]> {
  const days = [...new Set(segments.map(dayOf))].toSorted().map((day) => ({
    day,
    segments: segments.filter((segment) => dayOf(segment) === day),
  }));
  const merges: Merge[] = [];
  const edges = {
    lastSeqBefore: 0,
    firstSeqAfter: lastSeq === undefined ? undefined : lastSeq + 1,
  };
  const listing = (async function* () {
    yield* days;
  })();
  for await (const day of withEdges(listing, edges)) merges.push(...planDay(day));
  return merges;
}

/** Merges until there is nothing left to merge. */
export async function mergeAll(
  segments: readonly SegmentName[],
  lastSeq: number | undefined,
): Promise<SegmentName[]> {
  const all = [...segments];
  for (;;) {
    const merges = await planLane(all, lastSeq);
    if (merges.length === 0) return all;
    all.push(...merges.map(({ segment }) => segment));
  }
}
