import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileStore } from '../../src/storage/file-store.ts';
import { namesOf, Verifying } from '../kit/verifying.ts';
import { Fabricated } from '../restore/kit/fabricated.ts';
import { histories, objectsOf } from '../restore/kit/histories.ts';
import { LANES, smallRepository } from '../restore/kit/small-repository.ts';

let verifying: Verifying;

beforeAll(async () => {
  verifying = await Verifying.open();
});

afterAll(async () => {
  await verifying[Symbol.asyncDispose]();
});

const [FIRST = '', SECOND = ''] = LANES.map(({ lane }) => lane);

describe('verify', { timeout: 120_000 }, () => {
  test('finds nothing in what the archiver makes of any history', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        await using made = await Fabricated.create('repository', verifying.duckdb);
        // A cut ends what the archiver makes; here others decide where that is.
        const lanes = history.lanes.map(({ lane, records }) => ({
          lane,
          records: records.filter(({ lines }) => lines[0] !== '!cut {}'),
        }));
        await made.write(lanes, (lane) => objectsOf(lane, history));
        const { findings } = await verifying.run(made.repository.store);
        expect(findings).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  test('finds nothing amiss in a folder that DuckDB would take for a pattern', async () => {
    await using made = await Fabricated.create('r[1]*lane=x', verifying.duckdb);
    await made.write(LANES, ({ records }) => [
      { level: 'minute', firstSeq: 1, lastSeq: records.length },
    ]);
    const { findings } = await verifying.run(made.repository.store);
    expect(findings).toEqual([]);
  });

  test('tells what is no object, and what a crash left, as notes', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    const strangers = [
      'README',
      'index/x.json',
      'lanes/notes',
      `lanes/${FIRST}/other/x`,
      `lanes/${FIRST}/minute/x`,
      `lanes/${FIRST}/minute/2026/05/28/x`,
      `lanes/${FIRST}/holes/x`,
      'zz/a',
      'zz/b',
    ];
    for (const name of strangers) await store.create(name, Buffer.from('?'));
    const temporary = `lanes/${FIRST}/.tmp-0123456789abcdef`;
    await writeFile(join(place, temporary), 'abc');
    const old = (Date.now() - 7_200_000) / 1_000;
    await utimes(join(place, temporary), old, old);
    const { findings } = await verifying.run(store);
    expect(new Set(findings.map(({ severity }) => severity))).toEqual(new Set(['note']));
    const byKind = (kind: string): string[] =>
      findings.flatMap((finding) => (finding.kind === kind ? [finding.object] : []));
    expect(byKind('stranger').toSorted()).toEqual(strangers.toSorted());
    expect(byKind('leftover')).toEqual([temporary]);
    expect(findings.find(({ kind }) => kind === 'leftover')?.reason).toContain(
      '(bytes 3, 120 min old)',
    );
  });

  test('with a time, looks into what is later only, and still sees every hole', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    const early = await nameOf(store, `${FIRST}/minute/`, '.parquet');
    const late = await nameOf(store, `${SECOND}/minute/`, '.parquet');
    for (const name of [early, late]) await writeFile(join(place, name), 'x');
    await rm(join(place, await nameOf(store, `${SECOND}/minute/`, '8_', '.json')));
    const sinceMs = LANES[0]?.records.at(-1)?.receivedAt ?? 0;
    const { findings } = await verifying.run(store, { sinceMs });
    expect(findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['damaged', late],
      ['hole', `lanes/${SECOND}`],
      ['missing', `lanes/${SECOND}`],
    ]);
  });

  test('of sizes only, tells what is missing or cut off, and reads no data', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    const [gone, short, flipped] = await namesOf(store, '.parquet');
    await rm(join(place, gone ?? ''));
    await writeFile(join(place, short ?? ''), 'x');
    const bytes = await readFile(join(place, flipped ?? ''));
    await writeFile(join(place, flipped ?? ''), bytes.fill(1, 10, 20));
    const { findings } = await verifying.run(store, { contents: undefined });
    expect(findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['missing', gone],
      ['damaged', short],
    ]);
  });

  test('ends where it is interrupted, says how far it came, and claims nothing of the rest', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const stop = new AbortController();
    const verified = await verifying.run(made.repository.store, {
      signal: stop.signal,
      onChecked: () => stop.abort(),
    });
    expect(verified).toMatchObject({ isComplete: false, coverage: undefined, findings: [] });
    expect(verified.reached?.lane).toBe(SECOND);
  });
});

async function nameOf(store: FileStore, ...parts: readonly string[]): Promise<string> {
  const [name] = await namesOf(store, ...parts);
  if (name === undefined) throw new Error(`there is no ${parts.join('…')}`);
  return name;
}
