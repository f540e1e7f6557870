import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatHoleName, type Span } from '../../src/archive/format/object-names.ts';
import type { Finding } from '../../src/archive/verify/finding.ts';
import {
  formatMonthIndex,
  type MonthIndex,
  type MonthLane,
} from '../../src/archive/format/month-index-file.ts';
import { present } from '../kit/wal-log.ts';
import { NO_TOTALS } from '../../src/archive/holdings/tally.ts';
import { unseal } from '../../src/archive/format/sealed-json.ts';
import { formatHoleMarker } from '../../src/archive/format/sidecar.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import { damagedObjects, namesOf, Verifying } from '../kit/verifying.ts';
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

describe('verify', () => {
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

  test('tells a hole with the reason of its marker, and a marker that is damaged', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    for (const name of await namesOf(store, `${SECOND}/minute/`, '7_')) await rm(join(place, name));
    const hole = { lane: SECOND, firstSeq: 6, lastSeq: 7 };
    const times = { fromMs: 1, toMs: null, notedAt: 1 };
    const marker = formatHoleMarker({ ...hole, ...times, reason: 'files of the log are gone' });
    const name = formatHoleName(hole);
    await store.create(name, Buffer.from(marker));
    const { findings } = await verifying.run(store);
    expect(findings[0]).toMatchObject({
      severity: 'hole',
      object: `lanes/${SECOND}`,
      reason: 'records 6 to 7 are missing: files of the log are gone',
    });
    for (let at = 0; at < marker.length; at += 25) {
      const bytes = Buffer.from(marker);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(join(place, name), bytes);
      const harmed = (await verifying.run(store, { contents: undefined })).findings;
      expect(damagedObjects(harmed)).toContain(name);
      expect(harmed).toContainEqual(
        expect.objectContaining({ severity: 'hole', object: `lanes/${SECOND}` }),
      );
    }
  });

  test('says whether others hold the records of what is damaged', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    const minute = await nameOf(store, `${FIRST}/minute/`, '.parquet');
    await writeFile(join(place, minute), 'x');
    const held = (await verifying.run(store)).findings;
    expect(held).toMatchObject([
      { object: minute, effect: expect.stringMatching(/^none now/) as string },
    ]);
    // Minutes 4-6 and 7-12 are left, and nothing of 1-3: of the hour and the day it is told, too, that they lack no more than that.
    for (const name of await namesOf(store, FIRST, '000000001-', '.parquet')) {
      await writeFile(join(place, name), 'x');
    }
    const { findings, coverage } = await verifying.run(store);
    const effect = `nothing else holds records ${FIRST}/1 to 3: restores to 2026-05-28T10:48:00.000Z or later are refused, or do without them (--allow-holes)`;
    expect(findings.map((finding) => finding.effect)).toEqual([effect, effect, effect]);
    expect(findings[0]?.remedy).toContain('they are archived anew');
    expect(coverage?.holes).toMatchObject([{ firstSeq: 1, lastSeq: 3 }]);
    // As the runbook has it: whoever put them back then would undo that.
    const sidecars = await namesOf(store, FIRST, '000000001-', '.json');
    for (const name of sidecars) await rm(join(place, name));
    const moved = (await verifying.run(store)).findings;
    const gone = moved.filter(({ object }) => object.endsWith('.json'));
    expect(gone.map(({ object }) => object).toSorted()).toEqual(sidecars.toSorted());
    for (const { remedy } of gone) {
      expect(remedy).toMatch(
        /^if it was moved away since its data are damaged, leave it away: what/,
      );
    }
    const others = moved.filter(({ object }) => object === `lanes/${FIRST}`);
    expect(others.map(({ kind }) => kind)).toContain('hole');
    for (const { remedy } of others) {
      expect(remedy).toMatch(
        /^what the proxy's log or the topic still has of the records is archived/,
      );
    }
  });

  test('says of what is damaged from which time on a restore is refused, as the coverage does', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    for (const name of await namesOf(store, FIRST, '.parquet')) {
      if (!name.includes('/minute/')) await writeFile(join(place, name), 'x');
    }
    await writeFile(join(place, await nameOf(store, `${FIRST}/minute/`, '0007-', '.parquet')), 'x');
    const { findings, coverage } = await verifying.run(store);
    const end = new Date((coverage?.restorable.at(-1)?.toMs ?? 0) + 1).toISOString();
    const lost = `nothing else holds records ${FIRST}/7 to 9: restores to ${end} or later are refused`;
    expect(
      findings.map(({ object, effect }) => [object.split('/')[2], effect.split(', or')[0]]),
    ).toEqual([
      ['day', lost],
      ['hour', 'none now: restores take other objects, which hold the same records'],
      ['hour', lost],
      ['minute', lost],
    ]);
  });

  test('lets an index be older than its month, and not sum it up otherwise', async () => {
    await using made = await smallRepository(verifying.duckdb);
    const { place, store } = made.repository;
    const name = 'index/2026-05.json';
    const index = unseal((await store.read(name)) ?? '') as unknown as MonthIndex;
    const { lane, covered, totals } = present(index.lanes[0]);
    const findingsBy = async (changed: Partial<MonthLane>): Promise<readonly Finding[]> => {
      const lanes = [{ lane, covered, totals, ...changed }];
      await writeFile(join(place, name), formatMonthIndex({ ...index, lanes }));
      return (await verifying.run(store)).findings;
    };
    const upTo = (lastSeq: number): Span[] => [{ ...present(covered[0]), lastSeq }];
    expect(await findingsBy({ covered: upTo(6), totals: NO_TOTALS })).toEqual([]);
    expect(await findingsBy({ totals: { ...totals, points: 1 } })).toMatchObject([
      { kind: 'contradiction', object: name },
    ]);
    const forks = [{ id: FIRST, at: 1, undone: [], receivedAt: 2 }];
    expect(await findingsBy({ forks })).toMatchObject([{ kind: 'contradiction', object: name }]);
    expect(await findingsBy({ covered: upTo(99) })).toMatchObject([
      { kind: 'missing', object: `lanes/${FIRST}` },
    ]);
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
