import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import {
  type FoundWrite,
  type SearchEvent,
  searchWrites,
} from '../../src/archive/search/search.ts';
import type { SearchWindowLimits } from '../../src/archive/search/search-windows.ts';
import type { WriteFilter } from '../../src/archive/search/write-filter.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { Fabricated, type MadeObject } from '../restore/kit/fabricated.ts';
import { forkedHistories, histories, objectsOf, START_MS } from '../restore/kit/histories.ts';
import type { MadeLane } from '../restore/kit/history.ts';
import { EVER, filters, INSTANT_MS, plainSearch } from './plain-search.ts';

const LANE = 'aaaaaaaaaaaaaaaa';

let folder: TempDirectory;
let duckdb: Duckdb;
beforeAll(async () => {
  folder = await tempDirectory('search');
  duckdb = await Duckdb.open({ scratch: join(folder.path, 'duckdb'), memoryMb: 200, threads: 1 });
});
afterAll(async () => {
  duckdb.close();
  await folder[Symbol.asyncDispose]();
});

interface SearchIn {
  readonly limit?: number;
  readonly windowLimits?: SearchWindowLimits;
}

async function search(
  { repository }: Fabricated,
  filter: WriteFilter,
  { limit = Infinity, ...more }: SearchIn = {},
): Promise<SearchEvent[]> {
  const { store } = repository;
  const catalog = await readCatalog(store);
  const { signal } = new AbortController();
  const options = { store, catalog, local: new Map(), duckdb, filter, limit, signal, ...more };
  const events: SearchEvent[] = [];
  for await (const event of searchWrites(options)) events.push(event);
  return events;
}

function writesOf(events: readonly SearchEvent[]): FoundWrite[] {
  return events.flatMap((event) => (event.kind === 'writes' ? event.writes : []));
}

function kindsOf(events: readonly SearchEvent[]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== 'writes');
}

describe('a search for writes', () => {
  test('finds each that fits once, in the order of receiving, with what was refused later', async () => {
    const property = fc.asyncProperty(
      fc.oneof(histories, forkedHistories),
      fc.array(filters, { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 12 }),
      async (history, some, rowsMax) => {
        await using made = await Fabricated.create();
        await made.write(history.lanes, (lane) => objectsOf(lane, history));
        for (const filter of some) {
          const windowLimits = { rowsMax, filesMax: 3 };
          const events = await search(made, filter, { windowLimits });
          const found = writesOf(events).map(
            ({ lane, seq, index, refusal, undone }) =>
              `${lane}/${seq}/${index}${refusal === null ? '' : '!'}${undone === null ? '' : '~'}`,
          );
          const expected = plainSearch(history.lanes, filter);
          expect(found).toEqual(expected);
          const end = { kind: 'end', writes: expected.length, isLimited: false };
          expect(events.at(-1)).toMatchObject(end);
        }
      },
    );
    await fc.assert(property, { numRuns: 8 });
  });

  test('shows a write as it came: when, by which transport, from where, and the line', async () => {
    const lines = [
      'put sys.cpu 1500000000 1.10 z=1 a=é',
      'http POST /api/put {"metric":"j","timestamp":1500000000000,"value":" 1.5 ","tags":{"h":"a b"}}',
    ];
    const refused = [{ index: 1, error: 'it is "bad"' }];
    const outcome = `!outcome ${JSON.stringify({ lane: LANE, seq: 1, refused })}`;
    const records = [
      { receivedAt: START_MS, transport: 'http', lines },
      { receivedAt: START_MS + 2, transport: 'log', lines: ['!cut {}'] },
      { receivedAt: START_MS + 9, transport: 'log', lines: [outcome] },
    ] as const;
    await using made = await Fabricated.create();
    // What was refused is told by a later segment than those of the time asked for.
    await made.write([{ lane: LANE, records }], minutesOf(1));
    const common = { receivedAt: START_MS, transport: 'http', source: '127.0.0.1:1' };
    const place = { lane: LANE, seq: 1 };
    expect(writesOf(await search(made, { received: { from: 0, to: START_MS + 1 } }))).toEqual([
      {
        ...common,
        ...place,
        index: 0,
        metric: 'sys.cpu',
        tags: { a: 'é', z: '1' },
        timestamp: '1500000000',
        instantMs: 1_500_000_000_000,
        value: '1.10',
        line: 'put sys.cpu 1500000000 1.10 a=é z=1',
        refusal: null,
        undone: null,
      },
      {
        ...common,
        ...place,
        index: 1,
        metric: 'j',
        tags: { h: 'a b' },
        timestamp: '1500000000000',
        instantMs: 1_500_000_000_000,
        value: ' 1.5 ',
        line: lines[1],
        refusal: 'it is "bad"',
        undone: null,
      },
    ]);
  });

  test('goes by where writes came from, with or without the port', async () => {
    await using made = await Fabricated.create();
    const records = [putAt(START_MS, 'put m 1 1 h=a')];
    await made.write([{ lane: LANE, records }], oneObject);
    const count = async (source: string): Promise<number> =>
      writesOf(await search(made, { received: EVER, source })).length;
    expect(await count('127.0.0.1')).toBe(1);
    expect(await count('127.0.0.1:1')).toBe(1);
    expect(await count('127.0.0.1:2')).toBe(0);
    expect(await count('127.0.0')).toBe(0);
  });

  test.each<[Partial<WriteFilter>, number]>([
    [{ tags: [['h', '*c']] }, 0],
    [{ tags: [['h', 'a*']] }, 1],
    [{ tags: [['h', '*']] }, 1],
    [{ tags: [['i', '*c*']] }, 1],
    [{ tags: [['i', 'a']] }, 0],
    [{ metric: 'sys*cpu' }, 1],
    [{ metric: 'sys.cp' }, 0],
    [{ metric: 'sys_*' }, 0],
    [{ instants: { from: INSTANT_MS, to: INSTANT_MS + 1 } }, 1],
    [{ instants: { from: INSTANT_MS + 1, to: INSTANT_MS + 2 } }, 0],
    [{ instants: { from: INSTANT_MS - 1, to: INSTANT_MS } }, 0],
    [{ received: { from: START_MS, to: START_MS + 1 } }, 1],
    [{ received: { from: START_MS + 1, to: START_MS + 2 } }, 0],
    [{ received: { from: START_MS - 1, to: START_MS } }, 0],
  ])('for %j finds %i of one', async (filter, count) => {
    await using made = await Fabricated.create();
    const records = [putAt(START_MS, 'put sys.cpu 1500000000 1 h=a i=c')];
    await made.write([{ lane: LANE, records }], oneObject);
    expect(writesOf(await search(made, { received: EVER, ...filter }))).toHaveLength(count);
  });

  test('ends when enough is found, with the earliest', async () => {
    await using made = await Fabricated.create();
    await made.write(HUNDRED, minutesOf(10));
    const filter = { received: { from: 0, to: START_MS + 50 }, metric: 'm' };
    const windowLimits = { rowsMax: 20, filesMax: 10 };
    const events = await search(made, filter, { limit: 15, windowLimits });
    expect(writesOf(events).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 15 }, (_, n) => n + 1),
    );
    expect(events.at(-1)).toMatchObject({ kind: 'end', writes: 15, isLimited: true });
  });

  test('tells of holes in the time asked for, and that later writes may be on their way', async () => {
    await using made = await Fabricated.create();
    await made.write(HUNDRED, (lane) => minutesOf(10)(lane).filter((_, n) => n !== 4));
    const hole = { lane: LANE, firstSeq: 41, lastSeq: 50 };
    const events = await search(made, { received: { from: START_MS + 45, to: START_MS + 60 } });
    expect(kindsOf(events)).toEqual(['hole', 'end']);
    expect(events).toContainEqual({ kind: 'hole', hole: expect.objectContaining(hole) as unknown });
    const before = await search(made, { received: { from: 0, to: START_MS + 30 } });
    expect(kindsOf(before)).toEqual(['end']);
    const all = await search(made, { received: EVER });
    expect(kindsOf(all)).toEqual(['hole', 'behind', 'end']);
    expect(all).toContainEqual({ kind: 'behind', safeTimeMs: START_MS + 98 });
    expect(writesOf(all)).toHaveLength(90);
  });

  test('tells of changes that went round the log meanwhile', async () => {
    await using made = await Fabricated.create();
    const bypass = '!bypass {"method":"POST","path":"/api/uid","source":"10.0.0.1:1"}';
    const records = [
      putAt(START_MS, 'put m 1 1 h=a'),
      { receivedAt: START_MS + 5, transport: 'log', lines: [bypass] },
      putAt(START_MS + 9, 'put m 2 1 h=a'),
    ] as const;
    await made.write([{ lane: LANE, records }], oneObject);
    const told = await search(made, {
      received: { from: START_MS, to: START_MS + 6 },
      metric: 'x',
    });
    const change = { method: 'POST', path: '/api/uid', source: '10.0.0.1:1' };
    expect(told).toMatchObject([
      { kind: 'bypass', receivedAt: START_MS + 5, ...change },
      { kind: 'end', writes: 0, isLimited: false, held: { toMs: START_MS + 9 } },
    ]);
    const later = await search(made, { received: { from: START_MS + 6, to: START_MS + 9 } });
    expect(kindsOf(later)).toEqual(['end']);
  });

  test('does without a damaged object by what else holds its records, and says so', async () => {
    await using made = await Fabricated.create();
    await made.write(HUNDRED, (lane) => [
      ...minutesOf(10)(lane),
      { level: 'hour', firstSeq: 1, lastSeq: 50 },
      { level: 'hour', firstSeq: 51, lastSeq: 100 },
    ]);
    const filter = { received: { from: 0, to: START_MS + 98 } };
    const whole = writesOf(await search(made, filter));
    expect(whole).toHaveLength(98);
    const [hour = ''] = await dataObjects(made, 'hour');
    await flip(hour);
    const around = await search(made, filter);
    expect(writesOf(around)).toEqual(whole);
    expect(kindsOf(around)).toEqual(['damage', 'end']);
    expect(around.at(-2)).toMatchObject({ reason: expect.stringContaining('hour/') as string });
    // Now of one minute nothing is left: by its data, and of another by its sidecar.
    const [first = '', second = ''] = await dataObjects(made, 'minute');
    await flip(first);
    await rm(second.replace(/\.[0-9a-f]{8}\.parquet$/, '.json'));
    const lacking = await search(made, filter);
    expect(kindsOf(lacking)).toEqual(['damage', 'damage', 'hole', 'end']);
    expect(lacking.find(({ kind }) => kind === 'hole')).toMatchObject({
      hole: { lane: LANE, firstSeq: 1, lastSeq: 20 },
    });
    expect(writesOf(lacking)).toEqual(whole.slice(20));
  });

  test('tells what is lost to damage before the writes after it, as windows come to it', async () => {
    await using made = await Fabricated.create();
    await made.write(HUNDRED, minutesOf(10));
    const data = await dataObjects(made, 'minute');
    for (const n of [2, 7]) await flip(data[n] ?? '');
    const windowLimits = { rowsMax: 20, filesMax: 10 };
    const events = await search(
      made,
      { received: { from: 0, to: START_MS + 98 } },
      { windowLimits },
    );
    const told = events.flatMap((event): (string | number)[] => {
      if (event.kind === 'writes') return event.writes.map(({ seq }) => seq);
      if (event.kind !== 'hole') return [event.kind];
      return [`${event.hole.firstSeq} to ${event.hole.lastSeq}`];
    });
    expect(latestOf(told.slice(0, told.indexOf('21 to 30')))).toBeLessThan(21);
    expect(latestOf(told.slice(0, told.indexOf('71 to 80')))).toBeLessThan(71);
    expect(told.indexOf('71 to 80')).toBeGreaterThan(told.indexOf(40));
    expect(told.filter((one) => typeof one === 'string')).toEqual([
      'damage',
      '21 to 30',
      'damage',
      '71 to 80',
      'end',
    ]);
  });

  test('takes nothing twice where objects overlap that should not', async () => {
    await using made = await Fabricated.create();
    await made.write(HUNDRED, () => [
      { level: 'hour', firstSeq: 1, lastSeq: 60 },
      { level: 'minute', firstSeq: 41, lastSeq: 100 },
    ]);
    const found = writesOf(await search(made, { received: EVER }));
    expect(found.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });
});

const HUNDRED: readonly MadeLane[] = [
  {
    lane: LANE,
    records: Array.from({ length: 100 }, (_, n) => putAt(START_MS + n, `put m 1 ${n} h=a`)),
  },
];

function latestOf(told: readonly (string | number)[]): number {
  return Math.max(0, ...told.map((one) => (typeof one === 'number' ? one : 0)));
}

function putAt(receivedAt: number, line: string) {
  return { receivedAt, transport: 'http' as const, lines: [line] };
}

function oneObject({ records }: MadeLane): MadeObject[] {
  return [{ level: 'minute', firstSeq: 1, lastSeq: records.length }];
}

function minutesOf(size: number): (lane: MadeLane) => MadeObject[] {
  return ({ records }) =>
    Array.from({ length: records.length / size }, (_, n) => ({
      level: 'minute',
      firstSeq: n * size + 1,
      lastSeq: (n + 1) * size,
    }));
}

/** Paths of the data objects of a level, in order. */
async function dataObjects({ repository }: Fabricated, level: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repository.store.list(`lanes/${LANE}/${level}`)) {
    if (name.endsWith('.parquet')) names.push(join(repository.store.root, name));
  }
  return names;
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
