import { recordHeaderAt } from '../../record/record.ts';
import { type FrameRead, offsetOf } from '../../wal/log-reader.ts';
import type { SequenceRange } from '../../record/sequence-set.ts';

const POINT_STARTS = ['\nput ', '\nhttp POST /api/put '].map((text) => Buffer.from(text));

export interface RecordsMeasure {
  /** When the last of them was received, epoch ms. */
  readonly toMs: number;
  readonly points: number;
  /** Of the log. */
  readonly bytes: number;
}

/** Of records of a frame. */
export function measureRecords(
  frame: Pick<FrameRead, 'firstSeq' | 'lastSeq' | 'body'>,
  { firstSeq, lastSeq }: SequenceRange,
): RecordsMeasure {
  const { body } = frame;
  const start = offsetOf(frame, firstSeq);
  const last = offsetOf(frame, lastSeq);
  const end = lastSeq === frame.lastSeq ? body.length : offsetOf(frame, lastSeq + 1);
  const { receivedAt: toMs } = recordHeaderAt(body, last);
  return { toMs, points: countPoints(body.subarray(start, end)), bytes: end - start };
}

/** Points in whole records. */
function countPoints(records: Buffer): number {
  let points = 0;
  for (const start of POINT_STARTS) {
    for (let at = records.indexOf(start); at >= 0; at = records.indexOf(start, at + 1)) points += 1;
  }
  return points;
}
