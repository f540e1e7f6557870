import { countLines } from '../../record/count-lines.ts';
import { RECORD_BYTES_MAX } from '../../record/frame.ts';

/** Whole lines for one record of the log. */
export interface RecordLines {
  readonly lines: Buffer;
  readonly count: number;
}

const NEWLINE = 0x0a;

/** Cuts `count` lines into records of at most RECORD_BYTES_MAX, at line ends; undefined when a line is longer. */
export function splitLines(lines: Buffer, count: number): RecordLines[] | undefined {
  if (lines.length <= RECORD_BYTES_MAX) return [{ lines, count }];
  const records: RecordLines[] = [];
  for (let start = 0; start < lines.length;) {
    const limit = start + RECORD_BYTES_MAX;
    const end = limit >= lines.length ? lines.length : lines.lastIndexOf(NEWLINE, limit - 1) + 1;
    if (end <= start) return undefined;
    const record = lines.subarray(start, end);
    records.push({ lines: record, count: countLines(record) });
    start = end;
  }
  return records;
}
