import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../../src/archive/holdings/coverage.ts';
import { beginningAt, type Place } from '../../../src/standby/place.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { Fabricated } from '../../restore/kit/fabricated.ts';
import { histories, objectsOf } from '../../restore/kit/histories.ts';
import { StillClock } from '../topic/fake-shared-topic.ts';
import { placeAfter, readAll } from '../reads.ts';
import { at, expectedOf, sourceOf, valuesOf, writesOf } from './repository-reads.ts';

const LOOK_MS = 10_000;

let folder: TempDirectory;
beforeAll(async () => {
  folder = await tempDirectory('repository-source');
});
afterAll(() => folder[Symbol.asyncDispose]());

async function safeTimeOf({ repository }: Fabricated): Promise<number> {
  return computeCoverage(await readCatalog(repository.store)).safeTimeMs ?? Infinity;
}

describe('what a repository holds', () => {
  test('comes once and in order up to its safe time, from any place on', async () => {
    const property = fc.asyncProperty(histories, fc.nat(), async (history, cut) => {
      await using made = await Fabricated.create();
      await made.write(history.lanes, (lane) => objectsOf(lane, history));
      const clock = new StillClock(0);
      const source = await sourceOf(made, clock, folder.path);
      await source.seek(beginningAt(null));
      const reads = await readAll(source);
      const safeMs = await safeTimeOf(made);
      expect(writesOf(reads)).toEqual(expectedOf(history.lanes, safeMs));
      expect(source.completeToMs()).toBe(safeMs);
      const first = reads.slice(0, cut % (reads.length + 1));
      await source.seek(placeAfter(beginningAt(null), first));
      clock.pass(LOOK_MS);
      const rest = await readAll(source);
      expect(writesOf([...first, ...rest])).toEqual(expectedOf(history.lanes, safeMs));
      await source.close();
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('lacks a record that was lost, which is told in its place', async () => {
    const records = [0, 10, 20, 30, 40].map((ms) => at(ms, ms));
    const a = { lane: 'aaaaaaaaaaaaaaaa', records };
    await using made = await Fabricated.create();
    await made.write([a], () => [
      { level: 'minute', firstSeq: 1, lastSeq: 2 },
      { level: 'minute', firstSeq: 4, lastSeq: 5 },
    ]);
    const source = await sourceOf(made, new StillClock(0), folder.path);
    await source.seek(beginningAt(null));
    const told = (await readAll(source)).map((read) => {
      if (read.kind === 'frame') return `${read.frame.firstSeq}-${read.frame.lastSeq}`;
      return read.kind === 'hole' ? `hole ${read.hole.from}-${read.hole.to}` : read.kind;
    });
    expect(told).toEqual(['1-2', 'hole 3-3', '4-4']);
    await source.close();
  });

  test('lacks the end of a lane, which is told before what others received after it', async () => {
    const a = { lane: 'aaaaaaaaaaaaaaaa', records: [0, 10, 20].map((ms) => at(ms, ms)) };
    const b = { lane: 'bbbbbbbbbbbbbbbb', records: [30, 40, 50].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a, b], ({ lane }) => [
      { level: 'minute', firstSeq: 1, lastSeq: lane === a.lane ? 2 : 3 },
    ]);
    const source = await sourceOf(made, new StillClock(0), folder.path);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    expect(reads.map(({ kind }) => kind)).toEqual(['frame', 'hole', 'frame']);
    expect(reads[1]).toMatchObject({ hole: { lane: a.lane, from: 3, to: 3 } });
    await source.close();
  });

  test('tells what is undone before all of that, but not to one that was restored to a later time', async () => {
    const lane = 'aaaaaaaaaaaaaaaa';
    const fork = { id: '0123456789abcdef', at: 1_005, undone: [{ lane, from: 2, to: 2 }] };
    const lines = [`!fork ${JSON.stringify(fork)}`];
    const said = { receivedAt: 1_020, transport: 'log', lines } as const;
    const records = [at(0, 1), at(10, 2), said, at(30, 3), at(40, 4)];
    await using made = await Fabricated.create();
    await made.write([{ lane, records }], () => [{ level: 'minute', firstSeq: 1, lastSeq: 5 }]);
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    const [first, ...rest] = await readAll(source);
    expect(first).toMatchObject({ kind: 'fork', fork });
    expect(valuesOf(rest)).toEqual(['1', '2', '3']);
    await source.seek(beginningAt(1_020));
    clock.pass(LOOK_MS);
    const later = await readAll(source);
    expect(later.map(({ kind }) => kind)).toEqual(['frame']);
    const { signal } = new AbortController();
    const isSaidBy = (ms: number): Promise<boolean> => source.isSaidBy(fork, ms, signal);
    expect([await isSaidBy(1_019), await isSaidBy(1_020)]).toEqual([false, true]);
    await source.close();
  });

  test('is given again with what appears after the time that was read to: a new lane, and a hole that is filled', async () => {
    const a = {
      lane: 'aaaaaaaaaaaaaaaa',
      records: [0, 20, 30, 40, 60, 70].map((ms) => at(ms, ms)),
    };
    const b = { lane: 'bbbbbbbbbbbbbbbb', records: [10, 50, 55, 80].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => [
      { level: 'minute', firstSeq: 1, lastSeq: 1 },
      { level: 'minute', firstSeq: 3, lastSeq: 4 },
    ]);
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    const next = async (): Promise<SourceRead[]> => {
      clock.pass(LOOK_MS);
      const more = await readAll(source);
      reads.push(...more);
      return more;
    };
    expect(valuesOf(reads)).toEqual(['0', '30']);
    await made.write([b], () => [{ level: 'minute', firstSeq: 1, lastSeq: 2 }]);
    const [again, ...rest] = await next();
    expect(again).toMatchObject({ kind: 'again', place: { latestMs: 1_010 } });
    expect(valuesOf(rest)).toEqual(['10', '30']);
    await made.writeObject(a, { level: 'minute', firstSeq: 2, lastSeq: 2 });
    await made.writeObject(a, { level: 'minute', firstSeq: 5, lastSeq: 6 });
    // From the last record before the hole on.
    expect(valuesOf(await next())).toEqual(['0', '10', '20', '30', '40']);
    // What only goes on is not late.
    await made.writeObject(b, { level: 'minute', firstSeq: 3, lastSeq: 4 });
    expect(valuesOf(await next())).toEqual(['50', '55', '60']);
    await source.close();
    const later = await sourceOf(made, clock, folder.path);
    await later.seek(placeAfter(beginningAt(null), reads));
    expect(valuesOf(await readAll(later))).toEqual([]);
    await later.close();
  });

  test('is looked at for a tenth of the time at most', async () => {
    const a = { lane: 'aaaaaaaaaaaaaaaa', records: [at(0, 1), at(10, 2), at(20, 3), at(30, 4)] };
    await using made = await Fabricated.create();
    await made.write([a], () => [{ level: 'minute', firstSeq: 1, lastSeq: 2 }]);
    const clock = new StillClock(0);
    const { store } = made.repository;
    const children = store.children.bind(store);
    store.children = (prefix) => {
      clock.pass(2_000);
      return children(prefix);
    };
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    expect(valuesOf(await readAll(source))).toEqual(['1']);
    await made.writeObject(a, { level: 'minute', firstSeq: 3, lastSeq: 4 });
    clock.pass(LOOK_MS);
    expect(await readAll(source)).toEqual([]);
    clock.pass(LOOK_MS);
    expect(valuesOf(await readAll(source))).toEqual(['2', '3']);
    await source.close();
  });

  test('is looked for again, and a lane that lacks something of before makes all since come again', async () => {
    const a = { lane: 'aaaaaaaaaaaaaaaa', records: [at(0, 1), at(10, 2), at(20, 3), at(30, 4)] };
    await using made = await Fabricated.create();
    await made.write([a], () => [{ level: 'minute', firstSeq: 1, lastSeq: 2 }]);
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    expect(valuesOf(await readAll(source))).toEqual(['1']);
    await made.writeObject(a, { level: 'minute', firstSeq: 3, lastSeq: 4 });
    expect(await readAll(source)).toEqual([]);
    clock.pass(LOOK_MS);
    expect(valuesOf(await readAll(source))).toEqual(['2', '3']);
    const lanes = new Map([
      [a.lane, { ordinal: 1, seq: 1, receivedAt: 1_000 }],
      ['bbbbbbbbbbbbbbbb', { ordinal: 1, seq: 7, receivedAt: 1_025 }],
    ]);
    const place: Place = { sinceMs: null, latestMs: 1_025, lanes };
    await source.seek(place);
    clock.pass(LOOK_MS);
    const again = await readAll(source);
    expect(again[0]).toMatchObject({ kind: 'again', place: { latestMs: 1_010 } });
    expect(valuesOf(again)).toEqual(['2', '3']);
    await source.close();
  });
});
