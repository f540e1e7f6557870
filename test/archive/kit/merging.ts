import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSidecar } from '../../../src/archive/holdings/catalog.ts';
import { Duckdb } from '../../../src/archive/duckdb.ts';
import { outermost } from '../../../src/archive/holdings/lane-spans.ts';
import { Merger, type MergerEvents } from '../../../src/archive/merge/merger.ts';
import { formatSidecarName, type SegmentName } from '../../../src/archive/format/object-names.ts';
import { parquetFiles } from '../../../src/archive/parquet-files.ts';
import type { Repository } from '../../../src/archive/repository.ts';
import type { Sidecar } from '../../../src/archive/format/sidecar.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { AdvancingClock } from '../../kit/advancing-clock.ts';
import { Verifying } from '../../kit/verifying.ts';
import type { Fabricated, MadeObject } from '../../restore/kit/fabricated.ts';
import type { MadeLane, MadeRecord } from '../../restore/kit/history.ts';
import { readWholeCatalog } from './whole-catalog.ts';

export const LANES = ['00112233445566ff', '8899aabbccddeeff'] as const;
const MINUTE_MS = 60_000;
/** Two hours before the end of a day. */
export const LATE = Date.parse('2025-03-04T22:00:00.000Z');

/** Cut every twenty minutes; `isIdle`: with ticks only. */
export function busyLane(
  lane: string,
  startMs: number,
  stretches: number,
  isIdle = false,
): MadeLane {
  const records: MadeRecord[] = [{ receivedAt: startMs, transport: 'log', lines: ['!open {}'] }];
  for (let n = 1; n <= stretches; n += 1) {
    const at = startMs + n * 20 * MINUTE_MS;
    const seconds = Math.floor(at / 1_000);
    const put = (value: number) => [
      `put cpu ${seconds} ${value} host=a`,
      `put mem ${seconds} 0.${value} host=b`,
    ];
    if (!isIdle) {
      records.push({ receivedAt: at - 2_000, transport: 'http', lines: put(n) });
      records.push({ receivedAt: at - 1_000, transport: 'telnet', lines: put(n + 1_000) });
      const refused = { lane, seq: records.length, refused: [{ index: 1, error: 'no' }] };
      if (n % 4 === 0) {
        records.push({
          receivedAt: at - 500,
          transport: 'log',
          lines: [`!outcome ${JSON.stringify(refused)}`],
        });
      }
    }
    const confirmed = n % 5 === 0 ? `${lane}/${n}` : null;
    records.push({ receivedAt: at - 100, transport: 'log', lines: ['!tick {}'], confirmed });
    records.push({ receivedAt: at - 100, transport: 'log', lines: ['!cut {}'] });
  }
  return { lane, records };
}

/** A minute segment up to each cut. */
export function minutesOf({ records }: MadeLane): MadeObject[] {
  const minutes: MadeObject[] = [];
  let firstSeq = 1;
  for (const [index, { lines }] of records.entries()) {
    if (lines[0] !== '!cut {}') continue;
    minutes.push({ level: 'minute', firstSeq, lastSeq: index + 1 });
    firstSeq = index + 2;
  }
  return minutes;
}

export interface Told {
  readonly merged: Sidecar[];
  readonly blocked: string[];
  readonly indexed: string[];
  readonly hindered: (string | undefined)[];
}

export function newMerger(
  made: Pick<Fabricated, 'repository' | 'scratch'>,
  options: {
    readonly repository?: Repository;
    readonly clock?: Clock;
    readonly isBehind?: () => boolean;
    readonly name?: string;
  } = {},
): { merger: Merger; told: Told } {
  const told: Told = { merged: [], blocked: [], indexed: [], hindered: [] };
  const events: MergerEvents = {
    merged: (sidecar) => told.merged.push(sidecar),
    blocked: (object, reason) => told.blocked.push(`${object}: ${reason}`),
    indexed: (months) => told.indexed.push(...months),
    hindered: (reason) => told.hindered.push(reason),
  };
  const { repository, clock = new AdvancingClock(), isBehind = () => false } = options;
  const merger = new Merger({
    repository: repository ?? made.repository,
    clock,
    writer: 'tsdb-wal test',
    folder: `${made.scratch}-${options.name ?? 'merger'}`,
    memoryMb: 128,
    isBehind,
    events,
  });
  return { merger, told };
}

export const NEVER = new AbortController().signal;

/** `<level> <first>-<last>` of each segment, those of a lane by level. */
export async function segmentsIn({ store }: Repository): Promise<Map<string, SegmentName[]>> {
  const { lanes } = await readWholeCatalog(store);
  return new Map([...lanes].map(([lane, { objects }]) => [lane, [...objects]]));
}

export function levelsOf(segments: readonly SegmentName[]): string[] {
  return outermost(segments).map(({ level }) => level);
}

/** What `verify` finds amiss in a repository. */
export async function faultsOf({ store }: Repository): Promise<string[]> {
  await using verifying = await Verifying.open();
  const { findings } = await verifying.run(store);
  return findings.filter(({ severity }) => severity !== 'note').map((one) => JSON.stringify(one));
}

/** Names of files that mean nothing. */
export async function straysOf({ store }: Repository): Promise<string[]> {
  const names = await readdir(store.root, { recursive: true });
  const named = new Set<string>();
  for (const segments of (await segmentsIn({ store } as Repository)).values()) {
    for (const segment of segments) {
      named.add((await readSidecar(store, segment))?.data?.object ?? '');
    }
  }
  return names.filter((name) => {
    const isData = name.endsWith('.parquet') && !named.has(name.replaceAll('\\', '/'));
    return isData || name.includes('.tmp-');
  });
}

/** The rows of the segments of some level, as text, in order. */
export async function rowsOf(
  { store }: Repository,
  segments: readonly SegmentName[],
  scratch: string,
): Promise<string[]> {
  const files: string[] = [];
  for (const segment of segments) {
    const sidecar = await readSidecar(store, segment);
    const object = sidecar?.data?.object;
    if (object !== undefined) files.push(join(store.root, object));
  }
  if (files.length === 0) return [];
  const duckdb = await Duckdb.open({ scratch: `${scratch}-rows`, memoryMb: 128, threads: 1 });
  try {
    const rows = await duckdb.rows(
      `select * from read_parquet(${parquetFiles(files)}, hive_partitioning=false) order by all`,
    );
    return rows.map((row) =>
      JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    );
  } finally {
    duckdb.close();
  }
}

export const byName = (segments: readonly SegmentName[]): string[] =>
  segments.map(formatSidecarName).toSorted();
