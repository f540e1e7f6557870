import type { Control } from '../../record/control.ts';
import type { Position } from '../../record/position.ts';

/** A line of a logged record that the primary refused. */
export interface RefusedLine {
  readonly position: Pick<Position, 'lane' | 'seq'>;
  /** Its place in the record, from 0. */
  readonly index: number;
  readonly error: string;
}

/** With these an outcome record stays below RECORD_BYTES_MAX, however its errors are escaped. */
const LINES_MAX = 80;
const ERROR_MAX = 500;

/** What the log says of refused lines: a control record for each record that holds some, and more where one would be too long. */
export function outcomeRecords(lines: readonly RefusedLine[]): Control[] {
  const byRecord = new Map<string, RefusedLine[]>();
  for (const line of lines) {
    const record = `${line.position.lane}/${line.position.seq}`;
    const own = byRecord.get(record);
    if (own === undefined) byRecord.set(record, [line]);
    else own.push(line);
  }
  return [...byRecord.values()].flatMap((own) => {
    const outcomes: Control[] = [];
    for (let from = 0; from < own.length; from += LINES_MAX) {
      const part = own.slice(from, from + LINES_MAX);
      const { lane, seq } = part[0]?.position ?? { lane: '', seq: 0 };
      const refused = part.map(({ index, error }) => ({ index, error: error.slice(0, ERROR_MAX) }));
      outcomes.push({ kind: 'outcome', lane, seq, refused });
    }
    return outcomes;
  });
}
