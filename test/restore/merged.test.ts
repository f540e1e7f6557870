import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { outermost } from '../../src/archive/holdings/lane-spans.ts';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import { Fold } from '../../src/restore/fold/fold.ts';
import { readTrustedSegments } from '../../src/restore/segments/trusted-segments.ts';
import { NEVER, newMerger } from '../archive/kit/merging.ts';
import { readWholeCatalog } from '../archive/kit/whole-catalog.ts';
import { Fabricated } from './kit/fabricated.ts';
import { forkedHistories, type MadeHistory, objectsOf, START_MS } from './kit/histories.ts';
import type { MadeLane } from './kit/history.ts';
import { readLineFile } from './kit/line-files.ts';

/** A millisecond of the history made is a quarter of an hour. */
const STRETCH = 900_000;

const long = ({ lane, records }: MadeLane): MadeLane => ({
  lane,
  records: records.map((record) => ({
    ...record,
    receivedAt: START_MS + (record.receivedAt - START_MS) * STRETCH,
  })),
});

function stretched({ lanes, ...rest }: MadeHistory): MadeHistory {
  return { ...rest, lanes: lanes.map(long) };
}

/** The lines of the state at that time, each after its transport. */
async function linesAt(made: Fabricated, asOfMs: number): Promise<string[]> {
  const { store } = made.repository;
  const { input } = await readTrustedSegments({
    store,
    catalog: await readCatalog(store),
    local: new Map(),
    asOfMs,
    allowHoles: false,
    isOnlyConfirmed: false,
    onChecked: () => undefined,
  });
  const scratch = await mkdtemp(made.scratch);
  const database = await Duckdb.open({ scratch, memoryMb: 200, threads: 1 });
  try {
    const fold = await Fold.open(database, input, 1_000_000);
    const lines: string[] = [];
    for (const range of await fold.ranges()) {
      const path = join(scratch, 'lines');
      await fold.writeLines(range, path);
      lines.push(...(await readLineFile(path)));
    }
    return lines;
  } finally {
    database.close();
  }
}

/** Removes every segment that lies in another one. */
async function removeCovered({ repository: { store } }: Fabricated): Promise<number> {
  let removed = 0;
  for (const { objects } of (await readWholeCatalog(store)).lanes.values()) {
    const outer = new Set(outermost(objects));
    for (const segment of objects.filter((one) => !outer.has(one))) {
      const name = formatSidecarName(segment);
      await rm(join(store.root, name.replace('.json', '.00000000.parquet')), { force: true });
      await store.remove(name);
      removed += 1;
    }
  }
  return removed;
}

test('a restore is the same from minutes, with hours and days beside them, and from what is left of all', async () => {
  let removed = 0;
  await fc.assert(
    fc.asyncProperty(
      forkedHistories.map(stretched),
      fc.array(fc.nat(), { minLength: 2, maxLength: 2 }),
      async (history, times) => {
        await using made = await Fabricated.create();
        const minutes = { ...history, hours: [] };
        await made.write(history.lanes, (lane) =>
          objectsOf(lane, minutes).filter(({ level }) => level === 'minute'),
        );
        const firstMs = history.lanes[0]?.records[0]?.receivedAt ?? 0;
        const lastMs = history.lanes.at(-1)?.records.at(-1)?.receivedAt ?? 0;
        fc.pre(lastMs > firstMs);
        const targets = times.map((time) => firstMs + (time % (lastMs - firstMs)));
        const states = async (): Promise<string[][]> => {
          const all: string[][] = [];
          for (const target of targets) all.push(await linesAt(made, target));
          return all;
        };
        const expected = await states();
        const { merger, told } = newMerger(made);
        await merger.once(NEVER);
        expect(told).toMatchObject({ blocked: [], hindered: [] });
        expect(await states()).toEqual(expected);
        removed += await removeCovered(made);
        expect(await states()).toEqual(expected);
      },
    ),
    { numRuns: 5 },
  );
  expect(removed).toBeGreaterThan(0);
});
