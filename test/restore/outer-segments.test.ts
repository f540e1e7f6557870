import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Catalog, readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import { searchWrites } from '../../src/archive/search/search.ts';
import { SearchedSegments } from '../../src/archive/search/searched-segments.ts';
import {
  readTrustedSegments,
  type TrustedSegments,
} from '../../src/restore/segments/trusted-segments.ts';
import { WalError } from '../../src/runtime/errors.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import { ageLanes, laneShapes, putAged } from '../archive/kit/aged-lanes.ts';
import { busyLane, LANES, LATE, minutesOf, NEVER, newMerger } from '../archive/kit/merging.ts';
import { readWholeCatalog } from '../archive/kit/whole-catalog.ts';
import { hastyStore } from '../kit/repository.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { Fabricated } from './kit/fabricated.ts';
import { Folded } from './kit/folded.ts';

type Trusted = TrustedSegments | { readonly refused: unknown };

let folder: TempDirectory;
let duckdb: Duckdb;
beforeAll(async () => {
  folder = await tempDirectory('outer-segments');
  duckdb = await Duckdb.open({ scratch: join(folder.path, 'duckdb'), memoryMb: 200, threads: 1 });
});
afterAll(async () => {
  duckdb.close();
  await folder[Symbol.asyncDispose]();
});

async function trust(
  store: FileStore,
  catalog: Catalog,
  { asOfMs, allowHoles }: { readonly asOfMs: number; readonly allowHoles: boolean },
): Promise<Trusted> {
  try {
    return await readTrustedSegments({
      store,
      catalog,
      local: new Map(),
      asOfMs,
      allowHoles,
      isOnlyConfirmed: false,
      onChecked: () => undefined,
    });
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return { refused: [error.code, error.context] };
  }
}

/** What is searched of all that was received since then: by name, and what can't be. */
async function searched(store: FileStore, catalog: Catalog, fromMs: number) {
  const options = { store, catalog, local: new Map(), fromMs, signal: NEVER };
  const segments = await SearchedSegments.open(options);
  const names = segments.sidecars.map((sidecar) => formatSidecarName(sidecar)).toSorted();
  return { names, damaged: segments.damaged, holes: computeCoverage(segments.usable).holes };
}

test('plans and searches by the outermost segments are those by all of them, whatever is damaged', async () => {
  let damages = 0;
  const harmed = fc.array(fc.nat(120), { maxLength: 12 });
  const isAllowed = fc.boolean();
  await fc.assert(
    fc.asyncProperty(
      laneShapes,
      fc.nat(),
      harmed,
      isAllowed,
      async (shapes, at, harms, allowHoles) => {
        await using temp = await tempDirectory('plans');
        const store = hastyStore(temp.path);
        const lanes = await ageLanes(shapes);
        await putAged(store, lanes);
        for (const [n, segment] of lanes.flatMap(({ segments }) => segments).entries()) {
          if (!harms.includes(n)) continue;
          await writeFile(join(temp.path, formatSidecarName(segment)), 'no sidecar');
        }
        const [all, outer] = [await readWholeCatalog(store), await readCatalog(store)];
        const ends = lanes.flatMap(({ segments }) => segments.map(({ toMs }) => toMs));
        const opened = lanes.map(({ begin }) => begin.openedAt);
        const times = [...opened, ...ends, ...ends.map((ms) => ms - 1)];
        const asOfMs = times[at % times.length] ?? 0;
        const expected = await trust(store, all, { asOfMs, allowHoles });
        expect(await trust(store, outer, { asOfMs, allowHoles })).toEqual(expected);
        if ('damaged' in expected) damages += expected.damaged.size;
        expect(await searched(store, outer, asOfMs)).toEqual(await searched(store, all, asOfMs));
      },
    ),
    { numRuns: 75 },
  );
  expect(damages).toBeGreaterThan(0);
});

/** Two days of two lanes, of which one is idle, all merged, in a repository with every level. */
async function merged(): Promise<Fabricated> {
  const made = await Fabricated.create();
  const lanes = LANES.map((lane, index) => busyLane(lane, LATE + index * 500, 90, index > 0));
  await made.write(lanes, minutesOf);
  const { merger, told } = newMerger(made);
  await merger.once(NEVER);
  expect(told.merged.some(({ level }) => level === 'day')).toBe(true);
  return made;
}

const TARGET = LATE + 15.4 * 3_600_000;

type Answers = Awaited<ReturnType<typeof answersOf>>;

const linesOf = (answers: Answers) => ('lines' in answers ? answers.lines : answers.refused);
const holesOf = (answers: Answers) => ('lines' in answers ? answers.holes.length : Infinity);

async function answersOf(made: Fabricated, read: (store: FileStore) => Promise<Catalog>) {
  const { store } = made.repository;
  const trusted = await trust(store, await read(store), { asOfMs: TARGET, allowHoles: true });
  if (!('input' in trusted)) return trusted;
  await using fold = await Folded.of(trusted.input, made.scratch);
  const filter = { received: { from: LATE, to: LATE + 20 * 3_600_000 } };
  const search = searchWrites({
    store,
    catalog: await read(store),
    local: new Map(),
    duckdb,
    filter,
    limit: Infinity,
    signal: NEVER,
  });
  const events = [];
  for await (const event of search) events.push(event);
  return {
    lines: await fold.lines(),
    files: trusted.input.files,
    holes: trusted.selection.holes,
    events,
  };
}

test('what is restored and found is the same, whichever of the days, hours and minutes are damaged or gone', async () => {
  await using made = await merged();
  const whole = await answersOf(made, readWholeCatalog);
  const { store } = made.repository;
  const names: string[] = [];
  for await (const { name } of store.list(`lanes/${LANES[0]}`)) names.push(name);
  const find = (...parts: string[]): string =>
    names.find((name) => parts.every((part) => name.includes(part))) ?? '';
  const tear = (name: string): Promise<void> => writeFile(join(store.root, name), 'torn');
  const day = find('/day/2025/03/05/', '.parquet');
  const hour = find('/hour/2025/03/05/', '.parquet');
  const minute = find('/minute/2025/03/05/', '.parquet');
  const harms: [string, (name: string) => Promise<void>, boolean][] = [
    [day, tear, true],
    [hour, tear, true],
    [find('/hour/2025/03/05/', '.json'), tear, true],
    [find('/day/2025/03/05/', '.json'), (name) => rm(join(store.root, name)), true],
    [minute, tear, false],
  ];
  for (const [name, harm, isSame] of harms) {
    await harm(name);
    const expected = await answersOf(made, readWholeCatalog);
    expect(await answersOf(made, readCatalog)).toEqual(expected);
    expect(isDeepStrictEqual(linesOf(expected), linesOf(whole))).toBe(isSame);
    expect(holesOf(expected)).toBe(isSame ? 0 : 1);
  }
});
