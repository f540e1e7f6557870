import type { SegmentName } from '../format/object-names.ts';
import type { Sidecar } from '../format/sidecar.ts';

/** What a merged segment's sidecar says, but for its data: what those of its parts say together. In their order. */
export function sumSidecars(
  segment: SegmentName,
  parts: readonly Sidecar[],
  of: Pick<Sidecar, 'createdAt' | 'writer'>,
): Omit<Sidecar, 'data'> {
  const total = (field: 'records' | 'points' | 'refused' | 'bypasses'): number =>
    parts.reduce((sum, part) => sum + part[field], 0);
  const instants = parts.flatMap((part) => part.instants ?? []);
  const forks = parts.flatMap((part) => part.forks ?? []);
  return {
    ...segment,
    ordinal: parts[0]?.ordinal ?? 0,
    records: total('records'),
    points: total('points'),
    refused: total('refused'),
    bypasses: total('bypasses'),
    confirmed: parts.findLast(({ confirmed }) => confirmed !== null)?.confirmed ?? null,
    instants:
      instants.length === 0
        ? null
        : {
            from: Math.min(...instants.map(({ from }) => from)),
            to: Math.max(...instants.map(({ to }) => to)),
          },
    ...(forks.length > 0 && { forks }),
    ...of,
  };
}

/** Why parts can't be merged, though each is whole; undefined when they can. */
export function partsFault(segment: SegmentName, parts: readonly Sidecar[]): string | undefined {
  const records = parts.reduce((sum, part) => sum + part.records, 0);
  if (records !== segment.lastSeq - segment.firstSeq + 1)
    return 'the segments in it do not have the records that their names tell';
  if (new Set(parts.map(({ ordinal }) => ordinal)).size > 1)
    return 'the segments in it tell different numbers of their lane';
  return undefined;
}
