import type { Hole } from '../record/control.ts';
import { openOf } from '../record/lane-control.ts';
import type { Segment } from './log-files.ts';
import { SegmentReader } from './segment-reader.ts';

/**
 * What the first records of the lanes say to be lost of files that are gone: nothing else of the log may show it any more. A file that
 * can't be read tells nothing: whoever needs its records will say so.
 */
export async function toldHoles(segments: readonly Segment[]): Promise<Hole[]> {
  const holes: Hole[] = [];
  for (const { firstSeq, path } of segments) {
    if (firstSeq === 1) holes.push(...(await holesToldBy(path).catch(() => [])));
  }
  return withoutFiles(holes, segments);
}

/** The holes of whose records no file of the log has any: only these have to be told. What is damaged inside a file, or was put back, shows there. */
export function withoutFiles(
  holes: readonly Hole[],
  segments: readonly Pick<Segment, 'lane' | 'firstSeq' | 'lastSeq'>[],
): Hole[] {
  return holes.filter(({ lane, from, to }) =>
    segments.every(
      (segment) => segment.lane !== lane || segment.firstSeq > to || segment.lastSeq < from,
    ),
  );
}

async function holesToldBy(path: string): Promise<readonly Hole[]> {
  const reader = await SegmentReader.openIfThere(path);
  if (reader === undefined) return [];
  try {
    const read = await reader.next();
    return (read.kind === 'frame' ? openOf(read.body)?.holes : undefined) ?? [];
  } finally {
    await reader.close();
  }
}
