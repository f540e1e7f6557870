import type { LaneEnd } from '../record/lane-end.ts';
import { openOf } from '../record/lane-control.ts';
import { type DurableLog, LogReader } from './log-reader.ts';

/**
 * Corrects `receivedBy` of lanes after which the wall clock was set back: what was before was then received later than
 * the file of the next one was made, as that one's first record says. Where that can't be read, `receivedBy` is Infinity: only
 * the lane itself can tell then.
 */
export async function disputedEnds(
  log: DurableLog,
  ends: readonly LaneEnd[],
): Promise<readonly LaneEnd[]> {
  const reader = new LogReader(log);
  try {
    const corrected: LaneEnd[] = [];
    for (const [index, end] of ends.entries()) {
      const next = ends[index + 1];
      const from = next === undefined ? -Infinity : await disputedFrom(reader, next);
      corrected.push(from > end.receivedBy ? { ...end, receivedBy: from } : end);
    }
    return corrected;
  } finally {
    await reader.close();
  }
}

/** The receive time that the lane before had reached, epoch ms; -Infinity when the clock did not leap, Infinity when that isn't known. */
async function disputedFrom(
  reader: LogReader,
  { lane, ordinal, firstSeq }: LaneEnd,
): Promise<number> {
  if (firstSeq !== 1) return -Infinity;
  const read = await reader.next({ lane, ordinal, seq: 0 });
  if (read?.kind !== 'frame' || read.lane !== lane) return Infinity;
  return openOf(read.body)?.disputed?.from ?? -Infinity;
}
