import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
} from '../src/archive/format/object-names.ts';
import { createRepository, type Repository } from '../src/archive/repository.ts';
import { formatBegin, formatSidecar } from '../src/archive/format/sidecar.ts';

export interface MadeRepository {
  readonly place: string;
  /** Received; the state holds fewer, since some are overwritten. */
  readonly points: number;
  readonly bytes: number;
}

export interface RepositoryShape {
  /** How its metrics begin. */
  readonly prefix: string;
  readonly points: number;
  readonly series: number;
  /** Share of the points that came by telnet, 0 to 1. */
  readonly telnet: number;
}

const LANE = '0123456789abcdef';
const SEGMENT_POINTS = 500_000;
const RECORD_POINTS = 100;
const METRICS = 40;
const STEP_MS = 10_000;
const START_MS = Date.UTC(2026, 0, 5);
/** One of so many points is a new value of the instant before. */
const REWRITE_EVERY = 20;

/** Regular series of counters, gauges and percents, in hour segments of one lane, as the archiver sorts them. */
export async function makeRepository(
  folder: string,
  shape: RepositoryShape,
): Promise<MadeRepository> {
  const repository = await createRepository(join(folder, 'repository'), START_MS);
  const begin = {
    lane: LANE,
    ordinal: 1,
    firstSeq: 1,
    openedAt: START_MS,
    previous: null,
    reason: 'start',
    disputed: null,
    host: 'bench',
  };
  await repository.store.create(formatBeginName(LANE), Buffer.from(formatBegin(begin)));
  const duckdb = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
  const connection = await duckdb.connect();
  const path = join(folder, 'segment.parquet');
  let bytes = 0;
  for (let from = 0; from < shape.points; from += SEGMENT_POINTS) {
    const stretch = { from, to: Math.min(from + SEGMENT_POINTS, shape.points) };
    await connection.run(copyStatement(path, stretch, shape));
    bytes += await commit(repository, path, stretch, shape);
  }
  connection.closeSync();
  duckdb.closeSync();
  return { place: repository.place, points: shape.points, bytes };
}

/** Points by their number; `to` is not among them. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

async function commit(
  { store }: Repository,
  path: string,
  { from, to }: Stretch,
  shape: RepositoryShape,
): Promise<number> {
  const segment = {
    lane: LANE,
    level: 'hour' as const,
    firstSeq: Math.floor(from / RECORD_POINTS) + 1,
    lastSeq: Math.ceil(to / RECORD_POINTS),
    fromMs: receivedAt(Math.max(0, from - 1), shape),
    toMs: receivedAt(to - 1, shape),
  };
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const { size } = await stat(path);
  const object = formatDataName(segment, '00000000');
  await store.createFromFile(object, path);
  await rm(path);
  const points = to - from;
  const data = { object, bytes: size, sha256: hash.digest('hex'), rows: points };
  const sidecar = {
    ...segment,
    ordinal: 1,
    records: segment.lastSeq - segment.firstSeq + 1,
    points,
    refused: 0,
    bypasses: 0,
    confirmed: `${LANE}/${segment.lastSeq}`,
    instants: null,
    data,
    createdAt: segment.toMs,
    writer: 'bench',
  };
  await store.create(formatSidecarName(segment), Buffer.from(formatSidecar(sidecar)));
  return size;
}

function receivedAt(point: number, { series }: RepositoryShape): number {
  const round = Math.floor(point / series);
  return START_MS + round * STEP_MS + Math.floor(((point % series) * STEP_MS) / series);
}

function copyStatement(
  path: string,
  { from, to }: Stretch,
  { prefix, series, telnet }: RepositoryShape,
): string {
  const isRewrite = `hash(n) % ${REWRITE_EVERY} = 7`;
  return `copy (
    select '${LANE}' as lane, n // ${RECORD_POINTS} + 1 as seq, (n % ${RECORD_POINTS})::integer as idx,
      ${START_MS} + round * ${STEP_MS} + (one * ${STEP_MS}) // ${series} as received_at,
      case when is_telnet then 'telnet' else 'http' end as transport, '10.0.0.1:4242' as source, 'put' as kind,
      '${prefix}.metric.' || lpad((one % ${METRICS})::varchar, 2, '0') as metric,
      'dc=eu1 host=web' || lpad((one // ${METRICS})::varchar, 4, '0') as tags,
      instant // 1000 as timestamp, instant as instant_ms,
      case one % 4 when 0 then (round * 137 + one * 31)::varchar
        when 1 then round(50 + 40 * sin(n / 997.0), 2)::varchar
        when 2 then ((hash(n) % 1000) / 10.0)::varchar
        else '1' end as value,
      null::varchar as payload
    from (select n, n // ${series} as round, n % ${series} as one,
        (n % ${series}) // ${METRICS} % 1000 < ${Math.round(telnet * 1_000)} as is_telnet,
        ${START_MS} + (n // ${series} - case when ${isRewrite} then 1 else 0 end) * ${STEP_MS} as instant
      from range(${from}, ${to}) as numbers(n))
    order by metric, tags, instant_ms, seq, idx)
    to '${path.replaceAll("'", "''")}' (format parquet, compression zstd, compression_level 3, parquet_version v2, dictionary_size_limit 2000)`;
}
