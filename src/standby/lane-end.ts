import type { LaneFrame } from '../record/lane-frame.ts';
import { parseControl } from '../record/control.ts';
import { readLines, readRecords } from '../record/record.ts';

/** A lane, and its last record. */
export interface LaneEnd {
  readonly lane: string;
  readonly lastSeq: number;
}

const OPEN = Buffer.from('\n!open ');
const CLOSE = Buffer.from('\n!close ');

/** The lanes of which the frame tells that they have ended, and where: its own, or the one before it. */
export function endsIn(frame: LaneFrame): LaneEnd[] {
  const { body, lane } = frame;
  if (!body.includes(OPEN) && !body.includes(CLOSE)) return [];
  const ends: LaneEnd[] = [];
  for (const record of readRecords(body)) {
    if (record.transport !== 'log') continue;
    for (const line of readLines(body, record)) {
      const control = parseControl(line);
      if (control?.kind === 'close') ends.push({ lane, lastSeq: record.seq });
      if (control?.kind === 'open' && control.previous !== null) ends.push(control.previous);
    }
  }
  return ends;
}
