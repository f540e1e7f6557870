import { join } from 'node:path';
import { Duckdb } from '../../../src/archive/duckdb.ts';
import { parsePutLine } from '../../../src/opentsdb/put-line.ts';
import { readLines, readRecords } from '../../../src/record/record.ts';
import type { DamagedObject } from '../../../src/standby/repository/known-damage.ts';
import { RepositorySource } from '../../../src/standby/repository/repository-source.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import { instantKey } from '../../kit/tsd-storage.ts';
import type { Fabricated } from '../../restore/kit/fabricated.ts';
import type { MadeLane, MadeRecord } from '../../restore/kit/history.ts';
import type { StillClock } from '../topic/fake-shared-topic.ts';

let scratches = 0;
const nothing = (): void => undefined;

/** `damaged`: what is known to be damaged, before it and by it. */
export async function sourceOf(
  { repository }: Pick<Fabricated, 'repository'>,
  clock: StillClock,
  folder: string,
  damaged: DamagedObject[] = [],
): Promise<RepositorySource> {
  scratches += 1;
  const scratch = join(folder, `duckdb-${scratches}`);
  const duckdb = await Duckdb.open({ scratch, memoryMb: 150, threads: 1 });
  const losing = (known: readonly DamagedObject[]): void => {
    damaged.splice(0, Infinity, ...known);
  };
  const events = { bypassed: nothing, damaged: nothing, losing };
  return new RepositorySource({ repository, duckdb, clock, damaged: [...damaged], events });
}

/** Where it stands, and what it writes to which instant. */
function writeOf(lane: string, seq: number, transport: string, line: string): string {
  const point = parsePutLine(line);
  const tags = Object.fromEntries(Object.entries(point.tags).map(([k, v]) => [k, v ?? '']));
  const key = instantKey({ ...point, tags, transport: 'http' });
  return `${lane}/${seq} ${transport} ${key} ${point.value}`;
}

export function writesOf(reads: readonly SourceRead[]): string[] {
  return reads.flatMap((read) => {
    if (read.kind !== 'frame') return [];
    const { lane, body } = read.frame;
    return [...readRecords(body)].flatMap((record) =>
      [...readLines(body, record)].map((line) => writeOf(lane, record.seq, record.transport, line)),
    );
  });
}

export function valuesOf(reads: readonly SourceRead[]): (string | undefined)[] {
  return writesOf(reads).map((write) => write.split(' ').at(-1));
}

export function at(ms: number, value: number): MadeRecord {
  const lines = [`put m 1500000000 ${value} h=a`];
  return { receivedAt: 1_000 + ms, transport: 'http', lines };
}

/** All writes that nobody refused, up to a time, in order. */
export function expectedOf(lanes: readonly MadeLane[], toMs: number): string[] {
  const refused = new Set<string>();
  for (const line of lanes.flatMap(({ records }) => records.flatMap((record) => record.lines))) {
    if (!line.startsWith('!outcome ')) continue;
    const told = JSON.parse(line.slice('!outcome '.length)) as {
      readonly lane: string;
      readonly seq: number;
      readonly refused: readonly { readonly index: number }[];
    };
    for (const { index } of told.refused) refused.add(`${told.lane}/${told.seq}/${index}`);
  }
  const records = lanes.flatMap(({ lane, records: own }) =>
    own.map((record, index) => ({ ...record, lane, seq: index + 1 })),
  );
  return records
    .filter(({ transport, receivedAt }) => transport !== 'log' && receivedAt <= toMs)
    .toSorted((a, b) => a.receivedAt - b.receivedAt || (a.lane < b.lane ? -1 : 1))
    .flatMap(({ lane, seq, transport, lines }) =>
      lines.flatMap((line, index) =>
        refused.has(`${lane}/${seq}/${index}`) ? [] : writeOf(lane, seq, transport, line),
      ),
    );
}
