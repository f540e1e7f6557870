import type { UndoneRange } from '../record/fork.ts';
import { isBeginning, type LaneEnd } from '../record/lane-end.ts';
import { receiveTimesOf } from '../record/lane-frame.ts';
import { readRecords } from '../record/record.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import { disputedEnds } from './disputed-ends.ts';
import type { Segment } from './log-files.ts';
import { type DurableLog, type FrameRead, LogReader } from './log-reader.ts';

/** Lanes as they were at a time, and what they had after. */
export interface EndsAt {
  /** Lanes with records that were received by then, in log order. */
  readonly lanes: readonly LaneEnd[];
  /** Records that were received later. */
  readonly later: readonly UndoneRange[];
}

/** Where lanes stood at a time. `ends`: where they stand now, lanes of this log, in its order. `atMs`: receive time, epoch ms. Throws TIME_UNREACHABLE when the log can't tell any more. */
export async function endsAt(
  log: DurableLog,
  ends: readonly LaneEnd[],
  atMs: number,
): Promise<EndsAt> {
  const lanes: LaneEnd[] = [];
  const later: UndoneRange[] = [];
  for (const end of await disputedEnds(log, ends)) {
    const seq = end.receivedBy <= atMs ? end.seq : await lastBy(log, end, atMs);
    const { lane, firstSeq } = end;
    // What was before the oldest lane is gone: it may have been received later, too.
    if (end.lane === ends[0]?.lane && seq < firstSeq && !isBeginning(end)) throw begunSince(end);
    if (seq >= firstSeq) lanes.push({ ...end, seq, receivedBy: Math.min(end.receivedBy, atMs) });
    if (seq < end.seq) later.push({ lane, from: seq + 1, to: end.seq });
  }
  return { lanes, later };
}

/** The last record of the lane that was received by then; one less than its first when none was. Times of a lane never go back. */
async function lastBy(log: DurableLog, end: LaneEnd, atMs: number): Promise<number> {
  const { lane, ordinal } = end;
  const files = log.segments.filter((segment) => segment.lane === lane);
  // The first records of a file may have been received before it was made, by what a write takes.
  const start = files.findLast(({ createdAt }) => createdAt <= atMs) ?? files[0];
  if (start === undefined) throw unknown(end, 'its files are gone');
  const reader = new LogReader(log);
  let last = start.firstSeq - 1;
  try {
    while (last < end.seq) {
      const read = await reader.next({ lane, ordinal, seq: last });
      if (read === undefined) break;
      if (read.kind === 'hole') throw unknown(end, 'records of it cannot be read');
      const seq = lastIn(read, atMs);
      last = Math.max(last, Math.min(seq, end.seq));
      if (seq < read.lastSeq) break;
    }
  } finally {
    await reader.close();
  }
  if (last < start.firstSeq && start.firstSeq > 1) throw tooOld(end, start);
  return last;
}

function lastIn({ body, firstSeq, lastSeq }: FrameRead, atMs: number): number {
  if (receiveTimesOf(body).lastReceivedAt <= atMs) return lastSeq;
  let last = firstSeq - 1;
  for (const { seq, receivedAt } of readRecords(body)) {
    if (receivedAt > atMs) break;
    last = seq;
  }
  return last;
}

function tooOld(end: LaneEnd, { createdAt }: Segment): WalError {
  return unknown(end, `the log has it from ${formatInstant(createdAt)} on only`);
}

function begunSince(end: LaneEnd): WalError {
  return unknown(end, 'the log begins with it, and what was before is gone');
}

function unknown({ lane }: LaneEnd, why: string): WalError {
  return new WalError(
    'TIME_UNREACHABLE',
    `what lane ${lane} had received by then cannot be told: ${why}`,
    { hint: 'Choose a later time; or restore the time into empty tables (docs/RECOVERY.md, B).' },
  );
}
