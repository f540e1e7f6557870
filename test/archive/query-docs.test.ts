import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { type FoundWrite, searchWrites } from '../../src/archive/search/search.ts';
import type { TimeSpan } from '../../src/archive/search/write-filter.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { Fabricated } from '../restore/kit/fabricated.ts';
import { objectsOf, START_MS } from '../restore/kit/histories.ts';
import type { MadeLane, MadeRecord } from '../restore/kit/history.ts';

const TO_MS = START_MS + 60;

let folder: TempDirectory;
let duckdb: Duckdb;
let page = '';
beforeAll(async () => {
  folder = await tempDirectory('query');
  duckdb = await Duckdb.open({ scratch: join(folder.path, 'duckdb'), memoryMb: 200, threads: 1 });
  page = await readFile('docs/QUERY.md', 'utf8');
});
afterAll(async () => {
  duckdb.close();
  await folder[Symbol.asyncDispose]();
});

/** A repository of two lanes, with hours over some minutes, refusals told later, and a data object that no sidecar names. */
async function makeRepository(): Promise<Fabricated> {
  const made = await Fabricated.create();
  await made.write([laneOf('bbbbbbbbbbbbbbbb', 0), laneOf('aaaaaaaaaaaaaaaa', 40)], (lane) =>
    objectsOf(lane, { cuts: [3, 5], hours: [2, 1] }),
  );
  for await (const { name } of made.repository.store.list('lanes')) {
    if (!name.endsWith('.parquet')) continue;
    const path = join(made.repository.store.root, name);
    const stray = path.replace(/[0-9a-f]{8}\.parquet$/, '99999999.parquet');
    await writeFile(stray, await readFile(path));
    break;
  }
  return made;
}

function laneOf(lane: string, startMs: number): MadeLane {
  const records = Array.from({ length: 40 }, (_, n): MadeRecord => {
    const receivedAt = START_MS + startMs + n;
    const refused = [{ index: 1, error: `no ${n}` }];
    const outcome = `!outcome ${JSON.stringify({ lane, seq: n - 5, refused })}`;
    if (n % 10 === 9) return { receivedAt, transport: 'log', lines: [outcome] };
    const lines = [
      `put m 1 ${n} h=a i=${n % 3}`,
      `put ${n % 2 ? 'm' : 'n'} 2 1.50 ab=c h=${n % 4}`,
    ];
    return { receivedAt, transport: n % 3 ? 'http' : 'telnet', lines };
  });
  return { lane, records };
}

/** The rows of each question of the page, asked of this repository, metric and time. */
async function askInSql(
  { repository }: Fabricated,
  fromMs: number,
): Promise<Record<string, unknown>[][]> {
  const answers: Record<string, unknown>[][] = [];
  for (const [, block = ''] of page.matchAll(/```sql\n([^`]*)```/g)) {
    const text = block
      .replaceAll('/var/lib/tsdb-wal/repository', repository.store.root)
      .replaceAll("'sys.cpu.user'", "'m'")
      .replaceAll(' host=web1 ', ' h=a ')
      .replaceAll('2026-06-01T12:00:00Z', new Date(fromMs).toISOString())
      .replaceAll('2026-06-01T13:00:00Z', new Date(TO_MS).toISOString());
    for (const statement of text.split(';\n')) {
      const rows = statement.trim() === '' ? [] : await duckdb.rows(statement);
      if (/^(select|with)\b/m.test(statement.trim())) answers.push(rows);
    }
  }
  return answers;
}

async function askGrep(
  { repository: { store } }: Fabricated,
  received: TimeSpan,
  tags: readonly (readonly [string, string])[] = [],
): Promise<FoundWrite[]> {
  const catalog = await readCatalog(store);
  const filter = { received, metric: 'm', tags };
  const { signal } = new AbortController();
  const options = { store, catalog, local: new Map(), duckdb, filter, limit: Infinity, signal };
  const found: FoundWrite[] = [];
  for await (const event of searchWrites(options)) {
    if (event.kind === 'writes') found.push(...event.writes);
  }
  return found;
}

describe('docs/QUERY.md', () => {
  test('has SQL that gives the answers of log grep', async () => {
    await using made = await makeRepository();
    const [who, most, refused] = await askInSql(made, START_MS);
    const found = await askGrep(made, { from: START_MS, to: TO_MS }, [['h', 'a']]);
    expect(found.length).toBeGreaterThan(30);
    expect(who?.map(placeOf)).toEqual(found.map(placeOf));
    const all = await askGrep(made, { from: START_MS, to: Number.MAX_SAFE_INTEGER });
    expect(most?.reduce((sum, { points }) => sum + Number(points), 0)).toBe(all.length);
    const errors = all.flatMap(({ refusal }) => refusal ?? []);
    expect(errors.length).toBeGreaterThan(5);
    expect(refused?.map(({ error }) => error)).toEqual(errors);
    const [later] = await askInSql(made, START_MS + 25);
    const some = await askGrep(made, { from: START_MS + 25, to: TO_MS }, [['h', 'a']]);
    expect(later?.map(placeOf)).toEqual(some.map(placeOf));
  });

  test('has a Python function that names the same files', async (context) => {
    const source = /```python\n([^`]*)```/.exec(page)?.[1] ?? '';
    if (spawnSync('python3', ['--version']).status !== 0) context.skip();
    await using made = await makeRepository();
    const { root } = made.repository.store;
    const code = `${source}\nimport sys\nprint('\\n'.join(segment_files(sys.argv[1])))`;
    const { stdout } = spawnSync('python3', ['-c', code, root], { encoding: 'utf8' });
    await askInSql(made, START_MS);
    const files = await duckdb.rows('select file from outermost');
    expect(files.length).toBeGreaterThan(5);
    expect(stdout.split('\n').slice(0, -1).toSorted()).toEqual(
      files.map(({ file }) => String(file)).toSorted(),
    );
  });
});

function placeOf(row: Readonly<Record<string, unknown>> | FoundWrite): object {
  const { lane, seq, source, transport, value } = row;
  return { lane, seq: Number(seq), source, transport, value };
}
