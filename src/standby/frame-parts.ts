import type { LaneFrame } from '../record/lane-frame.ts';
import { readRecords, type RecordHeader, type RecordView } from '../record/record.ts';

/** The records of a frame up to a receive time, epoch ms, and those after it; undefined where there are none. */
export interface FrameParts {
  readonly before: LaneFrame | undefined;
  readonly rest: LaneFrame | undefined;
}

export function splitAtMs(frame: LaneFrame, throughMs: number): FrameParts {
  if (frame.lastReceivedAt <= throughMs) return { before: frame, rest: undefined };
  if (frame.firstReceivedAt > throughMs) return { before: undefined, rest: frame };
  return splitWhere(frame, ({ receivedAt }) => receivedAt > throughMs);
}

export function splitAtSeq(frame: LaneFrame, throughSeq: number): FrameParts {
  if (frame.lastSeq <= throughSeq) return { before: frame, rest: undefined };
  if (frame.firstSeq > throughSeq) return { before: undefined, rest: frame };
  return splitWhere(frame, ({ seq }) => seq > throughSeq);
}

/** Whether it holds more than the log's own word. */
export function hasData({ body }: LaneFrame): boolean {
  return body.includes(PUT) || body.includes(HTTP);
}

const PUT = Buffer.from('\nput ');
const HTTP = Buffer.from('\nhttp ');

/** Reads no further than to the first record that is after the cut. */
function splitWhere(frame: LaneFrame, isAfter: (record: RecordHeader) => boolean): FrameParts {
  const { body } = frame;
  let last: RecordView | undefined;
  for (const record of readRecords(body)) {
    if (!isAfter(record)) {
      last = record;
      continue;
    }
    if (last === undefined) return { before: undefined, rest: frame };
    const ends = { lastSeq: last.seq, lastReceivedAt: last.receivedAt };
    const begins = { firstSeq: record.seq, firstReceivedAt: record.receivedAt };
    return {
      before: { ...frame, ...ends, body: body.subarray(0, last.end) },
      rest: { ...frame, ...begins, body: body.subarray(last.end) },
    };
  }
  return { before: frame, rest: undefined };
}
