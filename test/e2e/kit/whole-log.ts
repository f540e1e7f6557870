import { join } from 'node:path';
import { type RecordTransport, readLines, readRecords } from '../../../src/record/record.ts';
import type { Hole } from '../../../src/record/control.ts';
import { recoverLog } from '../../../src/wal/recovery.ts';
import { SegmentReader } from '../../../src/wal/segment-reader.ts';
import type { MadeLane, MadeRecord } from '../../restore/kit/history.ts';
import { instantOf, type Line } from './ledger.ts';

interface LoggedLine {
  readonly line: Line;
  readonly transport: RecordTransport;
  readonly lane: string;
  readonly seq: number;
}

export interface WholeLog {
  readonly holes: readonly Hole[];
  readonly lanes: number;
  /** Whether its writer ended it. */
  readonly closed: boolean;
  /** The puts, in log order. */
  readonly puts: readonly LoggedLine[];
  /** Lines of the log itself. */
  readonly controls: readonly string[];
}

/** All that the log of a data directory holds, read from its files alone. Nothing may be writing to it. */
export async function readWholeLog(dataDirectory: string): Promise<WholeLog> {
  const { segments, holes, end } = await recoverLog(join(dataDirectory, 'wal'), { repair: false });
  const found: Hole[] = [...holes];
  const puts: LoggedLine[] = [];
  const controls: string[] = [];
  for (const { path, lane } of segments) {
    const reader = await SegmentReader.open(path);
    try {
      for (let read = await reader.next(); read.kind !== 'end'; read = await reader.next()) {
        if (read.kind === 'damage') {
          found.push({ lane, from: read.from, to: read.to, reason: read.reason });
          continue;
        }
        for (const record of readRecords(read.body)) {
          const { transport, seq } = record;
          for (const line of readLines(read.body, record)) {
            if (transport === 'log') controls.push(line);
            else puts.push({ line, transport, lane, seq });
          }
        }
      }
    } finally {
      await reader.close();
    }
  }
  const lanes = new Set(segments.map(({ lane }) => lane)).size;
  return { holes: found, lanes, closed: end?.closed ?? false, puts, controls };
}

/** The records of each lane, which must have no hole. Nothing may be writing to the log. */
export async function readLanes(dataDirectory: string): Promise<MadeLane[]> {
  const { segments } = await recoverLog(join(dataDirectory, 'wal'), { repair: false });
  const lanes = new Map<string, MadeRecord[]>();
  for (const { path, lane } of segments) {
    const records = lanes.get(lane) ?? [];
    lanes.set(lane, records);
    const reader = await SegmentReader.open(path);
    try {
      for (let read = await reader.next(); read.kind === 'frame'; read = await reader.next()) {
        for (const record of readRecords(read.body)) {
          const { receivedAt, transport } = record;
          records.push({ receivedAt, transport, lines: [...readLines(read.body, record)] });
        }
      }
    } finally {
      await reader.close();
    }
  }
  return [...lanes].map(([lane, records]) => ({ lane, records }));
}

/** How often each line is in the log. */
export function countLines({ puts }: WholeLog): Map<Line, number> {
  const counts = new Map<Line, number>();
  for (const { line } of puts) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

/** Of each instant the last write. */
export function foldLog({ puts }: WholeLog): Map<string, Line> {
  return new Map(puts.map(({ line }) => [instantOf(line), line]));
}
