import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { Fold } from '../../src/restore/fold/fold.ts';
import { tempDirectory } from '../kit/temp.ts';

/** Each record has five points, of which four are refused. */
const RECORDS = 500_000;
const LANE = 'a'.repeat(16);
const COUNTS = { records: RECORDS, lines: 5, refused: 4 } as const;

test('a fold holds its limit of memory, however many points were refused', async () => {
  await using temp = await tempDirectory('many-refused');
  const scratch = join(temp.path, 'scratch');
  await mkdir(scratch);
  const files = { points: join(temp.path, 'points'), outcomes: join(temp.path, 'outcomes') };
  const maker = await Duckdb.open({ scratch, memoryMb: 500, threads: 1 });
  await maker.run(`copy (${pointsQuery(COUNTS)}) to '${files.points}' (format parquet)`);
  await maker.run(`copy (${outcomesQuery(COUNTS)}) to '${files.outcomes}' (format parquet)`);
  maker.close();
  const database = await Duckdb.open({ scratch, memoryMb: 100, threads: 1 });
  const input = {
    files: [{ path: files.points, only: undefined }],
    outcomeFiles: [files.outcomes],
    throughMs: 2,
    undone: [],
    setBack: new Map<string, number>(),
    unconfirmed: new Map<string, number>(),
    isOnlyConfirmed: false,
  };
  const fold = await Fold.open(database, input, 1_250_000);
  expect(await fold.demands()).toMatchObject({ rows: RECORDS, metrics: 20 });
  database.close();
});

function pointsQuery({ records, lines }: typeof COUNTS): string {
  return `select '${LANE}' as lane, i // ${lines} + 1 as seq, (i % ${lines})::integer as idx, 1::bigint as received_at,
    'http' as transport, '' as source, 'put' as kind, 'm' || (i % 100) as metric, 'h=' || (i % 1000) as tags,
    i as timestamp, i * 1000 as instant_ms, '1' as value, null::varchar as payload from range(${records * lines}) t(i)`;
}

function outcomesQuery({ records, refused }: typeof COUNTS): string {
  const told = Array.from({ length: refused }, (_, index) => `{"index":${index},"error":"no"}`);
  return `select '${LANE}' as lane, ${records} + s as seq, 0::integer as idx, 3::bigint as received_at, 'log' as transport,
    '' as source, 'outcome' as kind, null::varchar as metric, null::varchar as tags, null::bigint as timestamp,
    null::bigint as instant_ms, null::varchar as value,
    '{"lane":"${LANE}","seq":' || (s + 1) || ',"refused":[${told.join(',')}]}' as payload from range(${records}) t(s)`;
}
