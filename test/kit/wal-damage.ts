import { parseControl, type Hole } from '../../src/record/control.ts';
import { assert } from '../../src/runtime/errors.ts';
import type { WalOptions } from '../../src/wal/log.ts';
import type { SegmentPlace } from './wal-files.ts';
import { dataOf, present, readLog, TestLog } from './wal-log.ts';

export interface Outcome {
  readonly data: [string, string][];
  /** What a follower that reads everything is told. */
  readonly read: readonly Hole[];
  /** What the start told, in `recovered` and in the lane's first record. */
  readonly told: readonly Hole[];
  readonly log: TestLog;
}

/** Starts on the folder and stops. Whatever is damaged in it, the log takes and keeps a new record. */
export async function reopen(folder: string, options: Partial<WalOptions> = {}): Promise<Outcome> {
  const log = await TestLog.open(folder, options);
  const { position, durable } = present(await log.write(['put new 1 1 a=b']));
  assert(durable, 'the new record is durable');
  const { entries, holes } = await readLog(log.wal);
  const first = present(entries.find((entry) => entry.position.lane === position.lane));
  const open = parseControl(first.lines[0] ?? '');
  const told = log.wal.recovered.holes;
  assert(open?.kind === 'open', 'a lane starts with its open record');
  assert(JSON.stringify(open.holes) === JSON.stringify(told), 'the open record lists the holes');
  await log.wal.close();
  const data = dataOf(entries).filter(([, text]) => !text.startsWith('put new'));
  return { data, read: holes, told, log };
}

/** Whether a hole covers the record at `lane/seq`. */
export function isIn(hole: Omit<Hole, 'reason'>, [position]: [string, string]): boolean {
  const [lane, seq] = position.split('/');
  return lane === hole.lane && Number(seq) >= hole.from && Number(seq) <= hole.to;
}

export function range({ lane, from, to }: Hole): Omit<Hole, 'reason'> {
  return { lane, from, to };
}

/** The records of a file, as the hole that it leaves. */
export function spanOf({ lane, frames }: SegmentPlace): Omit<Hole, 'reason'> {
  return { lane, from: frames[0]?.firstSeq ?? 0, to: frames.at(-1)?.lastSeq ?? 0 };
}
