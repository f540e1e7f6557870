import { LEVELS, type SegmentName } from '../format/object-names.ts';

/** A segment, and those that it stands for. */
export interface Nest {
  readonly segment: SegmentName;
  /** The largest that lie in it, in order. */
  readonly inner: readonly Nest[];
}

/** Puts each segment into the smallest that holds it. Those that overlap in part are left side by side. */
export function nestSegments(segments: readonly SegmentName[]): Nest[] {
  const sorted = segments.toSorted(
    (a, b) =>
      a.firstSeq - b.firstSeq ||
      b.lastSeq - a.lastSeq ||
      LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level),
  );
  const outer: Nest[] = [];
  /** Those that may hold the next, the smallest last. */
  const around: { readonly segment: SegmentName; readonly inner: Nest[] }[] = [];
  for (const segment of sorted) {
    while ((around.at(-1)?.segment.lastSeq ?? Infinity) < segment.lastSeq) around.pop();
    const nest = { segment, inner: [] };
    (around.at(-1)?.inner ?? outer).push(nest);
    around.push(nest);
  }
  return outer;
}

/** Whether the segments directly inside of it hold every record of the segment, without a gap. */
export function isTiled({ segment, inner }: Nest): boolean {
  let nextSeq = segment.firstSeq;
  for (const part of inner) {
    if (part.segment.firstSeq !== nextSeq) return false;
    nextSeq = part.segment.lastSeq + 1;
  }
  return nextSeq === segment.lastSeq + 1;
}
