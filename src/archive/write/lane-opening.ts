import { openOf } from '../../record/lane-control.ts';
import type { Segment } from '../../wal/log-files.ts';
import { type SegmentRead, SegmentReader } from '../../wal/segment-reader.ts';

/** How a lane began, as far as the log still tells. */
export interface LaneOpening {
  readonly lane: string;
  readonly ordinal: number;
  /** The first record that can be read: 1, or more when what was before it is gone from the log. */
  readonly firstSeq: number;
  /** Its receive time, epoch ms. */
  readonly receivedAt: number;
  /** The lane before, and its last record; null for a directory's first lane, undefined when nothing tells. */
  readonly previous: { readonly lane: string; readonly lastSeq: number } | null | undefined;
  /** The log had come so far before this lane was opened, epoch ms; undefined when nothing tells. */
  readonly notBefore: number | undefined;
  readonly reason: string;
  readonly disputed: { readonly from: number; readonly to: number } | null;
}

/**
 * Of each lane that has a file, in log order. A lane that is the last and has no durable record yet is left out, and
 * one of which nothing can be read: it is known from the lane after it, and missing as a whole.
 */
export async function readOpenings(segments: readonly Segment[]): Promise<LaneOpening[]> {
  const openings: LaneOpening[] = [];
  for (const [index, first] of segments.entries()) {
    const before = segments[index - 1];
    if (before?.lane === first.lane) continue;
    const files = segments.filter(({ lane }) => lane === first.lane);
    const isLast = files.length === segments.length - index;
    const opening =
      (await readFirst(files, before)) ?? (isLast ? undefined : emptyLane(first, before));
    if (opening !== undefined) openings.push(opening);
  }
  return openings;
}

async function readFirst(
  files: readonly Segment[],
  before: Segment | undefined,
): Promise<LaneOpening | undefined> {
  const [first] = files;
  for (const file of files) {
    const frame = await firstFrame(file);
    if (first === undefined || frame === undefined) continue;
    const { lane, ordinal } = first;
    const { firstSeq, firstReceivedAt: receivedAt } = frame.header;
    const open = firstSeq === 1 ? openOf(frame.body) : undefined;
    return {
      lane,
      ordinal,
      firstSeq,
      receivedAt,
      previous: open === undefined ? previousOf(first, before) : open.previous,
      notBefore: before?.createdAt,
      reason: open?.reason ?? UNKNOWN,
      disputed: open?.disputed ?? null,
    };
  }
  return undefined;
}

const UNKNOWN = 'unknown';

async function firstFrame(
  file: Segment,
): Promise<Extract<SegmentRead, { kind: 'frame' }> | undefined> {
  const reader = await SegmentReader.openIfThere(file.path);
  if (reader === undefined) return undefined;
  try {
    while (reader.nextSeq <= file.lastSeq) {
      const read = await reader.next();
      if (read.kind === 'frame') return { ...read, body: Buffer.from(read.body) };
      if (read.kind === 'end') return undefined;
    }
    return undefined;
  } finally {
    await reader.close();
  }
}

/** The first file of a lane names the lane before; else it is the one that stands before it. */
function previousOf(first: Segment, before: Segment | undefined): LaneOpening['previous'] {
  const named = first.firstSeq === 1 ? first.previous : undefined;
  const link = named ?? before;
  return link && { lane: link.lane, lastSeq: link.lastSeq };
}

/** A start that failed before its first record: nothing is in it, but the lanes around it are tied by it. */
function emptyLane(first: Segment, before: Segment | undefined): LaneOpening | undefined {
  const { lane, ordinal, firstSeq, lastSeq, createdAt, previous } = first;
  if (firstSeq !== 1 || lastSeq !== 0 || previous === undefined) return undefined;
  return {
    lane,
    ordinal,
    firstSeq,
    receivedAt: createdAt,
    previous: { lane: previous.lane, lastSeq: previous.lastSeq },
    notBefore: before?.createdAt,
    reason: UNKNOWN,
    disputed: null,
  };
}
