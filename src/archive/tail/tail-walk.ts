import type { Hole } from '../../record/control.ts';
import { type DurableLog, type FrameRead, LogReader } from '../../wal/log-reader.ts';
import type { LaneArchive } from '../write/lane-archive.ts';

/** Something that the log has and the repository lacks. */
export type TailRead =
  /** Of the frame the records from `firstSeq` to `lastSeq`; its body is valid until the next read. */
  | {
      readonly kind: 'frame';
      readonly frame: FrameRead;
      readonly firstSeq: number;
      readonly lastSeq: number;
    }
  /** The log has lost them, too. */
  | { readonly kind: 'hole'; readonly hole: Hole };

/**
 * What the log has of one lane beyond the repository, in order. Files of which the repository has everything are not opened.
 * What was read may be added to `archive` meanwhile.
 */
export async function* walkTail(log: DurableLog, archive: LaneArchive): AsyncGenerator<TailRead> {
  const { lane } = archive.begin;
  const files = log.segments.filter((segment) => segment.lane === lane);
  const [first] = files;
  const end = files.at(-1)?.lastSeq ?? 0;
  if (first === undefined) return;
  const { ordinal } = first;
  const reader = new LogReader(log);
  try {
    let seq = Math.max(first.firstSeq, archive.begin.firstSeq) - 1;
    for (;;) {
      seq = archive.lastCovered(seq);
      const read = seq < end ? await reader.next({ lane, ordinal, seq }) : undefined;
      if (read === undefined) return;
      const next = archive.nextCovered(seq);
      if (read.kind === 'hole') {
        if (read.hole.lane !== lane) return;
        const hole = { ...read.hole, from: seq + 1, to: Math.min(read.hole.to, next - 1) };
        yield { kind: 'hole', hole };
        seq = hole.to;
      } else {
        if (read.lane !== lane) return;
        const lastSeq = Math.min(read.lastSeq, next - 1);
        yield { kind: 'frame', frame: read, firstSeq: seq + 1, lastSeq };
        seq = lastSeq;
      }
    }
  } finally {
    await reader.close();
  }
}
