import type { LaneDay } from '../holdings/lane-days.ts';
import { outermost, uniteSpans } from '../holdings/lane-spans.ts';
import type { Level, SegmentName } from '../format/object-names.ts';
import type { Begin } from '../format/sidecar.ts';

/** A segment to be made of others. */
export interface Merge {
  readonly segment: SegmentName;
  /** What it covers, without a gap, in order: at least two. */
  readonly inputs: readonly SegmentName[];
}

/** What is before and after the segments of a stretch, as far as that is known. */
export interface Edges {
  /** The last sequence before it: of what was committed, or before the lane's first. */
  readonly lastSeqBefore: number | undefined;
  /** The first sequence after it: of what was committed, or after the lane's last. */
  readonly firstSeqAfter: number | undefined;
}

export interface EdgedDay extends Pick<LaneDay, 'day' | 'segments'> {
  readonly edges: Edges;
}

const HOUR_MS = 3_600_000;

/**
 * What of a lane's day can be merged: its hours, and when there are none left, the day itself.
 *
 * Only what is whole is merged: from the first record of its hour or day to the last, both known by what is committed
 * next to them, or by where the lane begins and ends. What a merged segment covers, and its name, is thereby decided by the
 * log alone. Whoever merges, when, and from however old or partial a listing, makes this segment or none, so
 * merged segments are apart or nested, whatever comes late, is removed or comes back. An hour with a hole stays in its
 * minutes until that is filled, and a day with a hole in its hours.
 *
 * What is one segment already is not copied: the day takes a lone minute as it takes an hour.
 */
export function planDay({ segments, edges }: Pick<EdgedDay, 'segments' | 'edges'>): Merge[] {
  if (uniteSpans(segments).conflicts.length > 0) return [];
  const parts = outermost(segments);
  if (parts.some(({ level }) => level === 'day')) return [];
  const hours = splitByHour(parts);
  const merges = hours.flatMap((hour, index) =>
    mergeWhole('hour', hour, {
      lastSeqBefore: hours[index - 1]?.at(-1)?.lastSeq ?? edges.lastSeqBefore,
      firstSeqAfter: hours[index + 1]?.[0]?.firstSeq ?? edges.firstSeqAfter,
    }),
  );
  return merges.length > 0 ? merges : mergeWhole('day', parts, edges);
}

/** Of days in their order: what is known of the edges of each. `lane`: those of the lane itself. */
export async function* withEdges(
  days: AsyncIterable<Pick<LaneDay, 'day' | 'segments'>>,
  lane: Edges,
): AsyncGenerator<EdgedDay> {
  let { lastSeqBefore } = lane;
  let held: Pick<LaneDay, 'day' | 'segments'> | undefined;
  for await (const next of days) {
    if (next.segments.length === 0) continue;
    if (held !== undefined) {
      const firstSeqAfter = outermost(next.segments)[0]?.firstSeq;
      yield { ...held, edges: { lastSeqBefore, firstSeqAfter } };
      lastSeqBefore = outermost(held.segments).at(-1)?.lastSeq;
    }
    held = next;
  }
  if (held !== undefined) {
    yield { ...held, edges: { lastSeqBefore, firstSeqAfter: lane.firstSeqAfter } };
  }
}

/** The last sequences of lanes, as those that follow them say; without those on which they disagree. */
export function lastSequences(begins: Iterable<Begin>): Map<string, number> {
  const ends = new Map<string, number | undefined>();
  for (const { previous } of begins) {
    if (previous === null) continue;
    const { lane, lastSeq } = previous;
    ends.set(lane, ends.has(lane) && ends.get(lane) !== lastSeq ? undefined : lastSeq);
  }
  return new Map([...ends].flatMap(([lane, end]) => (end === undefined ? [] : [[lane, end]])));
}

/** By the receive times of their last records, UTC. */
function splitByHour(parts: readonly SegmentName[]): SegmentName[][] {
  const hours: SegmentName[][] = [];
  let last: number | undefined;
  for (const part of parts) {
    const hour = Math.floor(part.toMs / HOUR_MS);
    if (hour === last) hours.at(-1)?.push(part);
    else hours.push([part]);
    last = hour;
  }
  return hours;
}

function mergeWhole(level: Level, parts: readonly SegmentName[], edges: Edges): Merge[] {
  const { lastSeqBefore, firstSeqAfter } = edges;
  const [first] = parts;
  const last = parts.at(-1);
  if (parts.length < 2 || first === undefined || last === undefined) return [];
  let lastSeq = lastSeqBefore;
  for (const part of parts) {
    if (part.firstSeq - 1 !== lastSeq) return [];
    lastSeq = part.lastSeq;
  }
  if (last.lastSeq + 1 !== firstSeqAfter) return [];
  const { lane, firstSeq, fromMs } = first;
  const segment = { lane, level, firstSeq, lastSeq: last.lastSeq, fromMs, toMs: last.toMs };
  return [{ segment, inputs: parts }];
}
