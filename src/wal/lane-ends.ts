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
    const seq = ordinal === until.ordinal ? until.seq : lastSeq;
    const end = { lane, ordinal, firstSeq, seq, receivedBy: untilMs };
    const before = ends.pop();
    if (before === undefined) ends.push(end);
    else if (before.lane === lane) ends.push({ ...end, firstSeq: before.firstSeq });
    else ends.push({ ...before, receivedBy: createdAt }, end);
  }
  return ends;
}
