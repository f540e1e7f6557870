import { lastRecordAt, recordHeaderAt } from './record.ts';

/** Consecutive records of one lane. */
export interface LaneFrame {
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Receive times of the first and the last record, epoch ms. */
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  readonly body: Buffer;
}

/** The receive times of a frame's first and last record. */
export function receiveTimesOf(
  body: Buffer,
): Pick<LaneFrame, 'firstReceivedAt' | 'lastReceivedAt'> {
  return {
    firstReceivedAt: recordHeaderAt(body, 0).receivedAt,
    lastReceivedAt: recordHeaderAt(body, lastRecordAt(body)).receivedAt,
  };
}
