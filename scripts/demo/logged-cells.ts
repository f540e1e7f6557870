import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parsePutLine } from '../../src/opentsdb/put-line.ts';
import { cellKey, type CellPlace } from './cell.ts';
import { MAIN, ownEnvironment } from './process.ts';

export type Source = 'collectd' | 'netdata' | 'client';

/** The last write to a cell, in the order of the log. */
export interface LoggedCell extends CellPlace {
  readonly source: Source;
  readonly value: string;
  /** Where it stands in the log: `lane/sequence`. */
  readonly position: string;
}

export interface LoggedCells {
  readonly cells: ReadonlyMap<string, LoggedCell>;
  /** Points in the log, those written again counted each time. */
  readonly points: Readonly<Record<Source, number>>;
  /** Points that OpenTSDB refused, as it would have without the proxy: not part of `cells`. */
  readonly refused: Readonly<Record<Source, number>>;
  readonly lanes: number;
  readonly holes: readonly string[];
}

interface LoggedRecord {
  readonly kind: 'record';
  readonly lane: string;
  readonly seq: number;
  readonly transport: 'http' | 'telnet' | 'log';
  readonly lines: readonly string[];
}

interface Outcome {
  readonly lane: string;
  readonly seq: number;
  readonly refused: readonly { readonly index: number }[];
}

/** Reads the whole log by `tsdb-wal wal inspect`, and folds it to the last value of each cell. */
export async function readLoggedCells(dataDirectory: string): Promise<LoggedCells> {
  const records: LoggedRecord[] = [];
  const refusedLines = new Set<string>();
  const holes: string[] = [];
  for await (const text of inspect(dataDirectory)) {
    const entry = JSON.parse(text) as LoggedRecord | { readonly kind: 'hole' };
    if (entry.kind === 'hole') holes.push(text);
    else if (entry.transport === 'log') noteRefused(entry, refusedLines);
    else records.push(entry);
  }
  const lanes = new Set(records.map(({ lane }) => lane)).size;
  return { ...fold(records, refusedLines), lanes, holes };
}

/** Of several logs that have no cell in common. */
export function loggedTogether(logs: readonly LoggedCells[]): LoggedCells {
  const sum = (of: (log: LoggedCells) => number): number =>
    logs.reduce((total, log) => total + of(log), 0);
  const bySource = (of: (log: LoggedCells) => Readonly<Record<Source, number>>) => ({
    collectd: sum((log) => of(log).collectd),
    netdata: sum((log) => of(log).netdata),
    client: sum((log) => of(log).client),
  });
  return {
    cells: new Map(logs.flatMap(({ cells }) => [...cells])),
    points: bySource(({ points }) => points),
    refused: bySource(({ refused }) => refused),
    lanes: sum(({ lanes }) => lanes),
    holes: logs.flatMap(({ holes }) => holes),
  };
}

function fold(
  records: readonly LoggedRecord[],
  refusedLines: ReadonlySet<string>,
): Pick<LoggedCells, 'cells' | 'points' | 'refused'> {
  const cells = new Map<string, LoggedCell>();
  const points = { collectd: 0, netdata: 0, client: 0 };
  const refused = { collectd: 0, netdata: 0, client: 0 };
  for (const { lane, seq, lines } of records) {
    for (const [index, line] of lines.entries()) {
      const { metric, tags, timestamp, value } = parsePutLine(line);
      const source = sourceOf(metric);
      points[source] += 1;
      if (refusedLines.has(lineId({ lane, seq, index }))) {
        refused[source] += 1;
        continue;
      }
      const place = { metric, tags, timestamp: Number(timestamp) };
      const position = `${lane}/${seq}`;
      cells.set(cellKey(place), { ...place, source, value, position });
    }
  }
  return { cells, points, refused };
}

function noteRefused(record: LoggedRecord, refusedLines: Set<string>): void {
  for (const line of record.lines) {
    if (!line.startsWith('!outcome ')) continue;
    const { lane, seq, refused } = JSON.parse(line.slice('!outcome '.length)) as Outcome;
    for (const { index } of refused) refusedLines.add(lineId({ lane, seq, index }));
  }
}

function lineId({ lane, seq, index }: { lane: string; seq: number; index: number }): string {
  return `${lane}/${seq}/${index}`;
}

/** By the first word of its metrics; collectd's are named for its plug-ins. */
function sourceOf(metric: string): Source {
  if (metric.startsWith('demo.')) return 'client';
  return metric.startsWith('netdata.') ? 'netdata' : 'collectd';
}

async function* inspect(dataDirectory: string): AsyncGenerator<string> {
  const child = spawn(
    process.execPath,
    [MAIN, 'wal', 'inspect', '--data', dataDirectory, '--records', '--json'],
    { env: ownEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) yield line;
  const [code] = (await exited) as [number | null];
  // 3: the log is damaged, which its own lines say.
  if (code !== 0 && code !== 3) throw new Error(`wal inspect ended with ${code}`);
}
