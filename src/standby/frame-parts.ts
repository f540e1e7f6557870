import type { LaneFrame } from '../record/lane-frame.ts';
import { readRecords } from '../record/record.ts';

/** The records of a frame up to a receive time, epoch ms, and those behind it; undefined where there are none. */
export interface FrameParts {
  readonly before: LaneFrame | undefined;
  readonly rest: LaneFrame | undefined;
}

export function splitAtMs(frame: LaneFrame, throughMs: number): FrameParts {
  if (frame.lastReceivedAt <= throughMs) return { before: frame, rest: undefined };
  return splitWhere(frame, ({ receivedAt }) => receivedAt > throughMs);
}

export function splitAtSeq(frame: LaneFrame, throughSeq: number): FrameParts {
  if (frame.lastSeq <= throughSeq) return { before: frame, rest: undefined };
  return splitWhere(frame, ({ seq }) => seq > throughSeq);
}

/** Whether it holds more than the log's own word. */
export function hasData({ body }: LaneFrame): boolean {
  return body.includes(PUT) || body.includes(HTTP);
}

const NEWLINE = 0x0a;
const PUT = Buffer.from('\nput ');
const HTTP = Buffer.from('\nhttp ');

/** Reads no further than to the first record that is behind. */
function splitWhere(
  frame: LaneFrame,
  isBehind: (record: { readonly seq: number; readonly receivedAt: number }) => boolean,
): FrameParts {
  const { body } = frame;
  let last: { readonly seq: number; readonly receivedAt: number } | undefined;
  for (const record of readRecords(body)) {
    if (!isBehind(record)) {
      last = record;
      continue;
    }
    if (last === undefined) return { before: undefined, rest: frame };
    const at = headerStart(body, record.start);
    const ends = { lastSeq: last.seq, lastReceivedAt: last.receivedAt };
    const begins = { firstSeq: record.seq, firstReceivedAt: record.receivedAt };
    return {
      before: { ...frame, ...ends, body: body.subarray(0, at) },
      rest: { ...frame, ...begins, body: body.subarray(at) },
    };
  }
  return { before: frame, rest: undefined };
}

/** Where the header line begins behind which a record's lines start. */
function headerStart(body: Buffer, start: number): number {
  return start < 2 ? 0 : body.lastIndexOf(NEWLINE, start - 2) + 1;
}
