import type { LaneEnd } from '../record/lane-end.ts';
import type { Position } from '../record/position.ts';
import type { Segment } from './log-files.ts';

/** The lanes of the log up to a position, which was its end at that time (epoch ms), in log order. */
export function laneEnds(
  segments: readonly Segment[],
  until: Position,
  untilMs: number,
): readonly LaneEnd[] {
  const ends: LaneEnd[] = [];
  for (const { lane, ordinal, firstSeq, lastSeq, createdAt } of segments) {
    if (ordinal > until.ordinal) break;
    const before = ends.at(-1);
    const seq = ordinal === until.ordinal ? until.seq : lastSeq;
    const isNew = before?.lane !== lane;
    if (isNew && before !== undefined) ends.splice(-1, 1, { ...before, receivedBy: createdAt });
    const end = { lane, ordinal, firstSeq, seq, receivedBy: untilMs };
    if (isNew) ends.push(end);
    else ends.splice(-1, 1, { ...end, firstSeq: before.firstSeq });
  }
  return ends;
}
