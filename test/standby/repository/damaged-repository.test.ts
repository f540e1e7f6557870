import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatRetirementName, parseObjectName } from '../../../src/archive/format/object-names.ts';
import { formatRetirement } from '../../../src/archive/format/sidecar.ts';
import type { DamagedObject } from '../../../src/standby/repository/known-damage.ts';
import { beginningAt } from '../../../src/standby/place.ts';
import type { RepositorySource } from '../../../src/standby/repository/repository-source.ts';
import type { SourceRead } from '../../../src/standby/source/standby-source.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { Fabricated, type MadeObject } from '../../restore/kit/fabricated.ts';
import { type Harm, harms, harmSegments, sidecarsOf } from '../../restore/kit/harm-segments.ts';
import { histories, type MadeHistory, objectsOf } from '../../restore/kit/histories.ts';
import type { MadeLane } from '../../restore/kit/history.ts';
import { StillClock } from '../topic/fake-shared-topic.ts';
import { placeAfter, readAll } from '../reads.ts';
import { at, expectedOf, sourceOf, writesOf } from './repository-reads.ts';

/** After so long it looks whether what was damaged is whole. */
const CHECK_MS = 70_000;
const LANE = 'aaaaaaaaaaaaaaaa';

let folder: TempDirectory;
beforeAll(async () => {
  folder = await tempDirectory('damaged-repository');
});
afterAll(() => folder[Symbol.asyncDispose]());

/** What it gives by and by. */
async function readOn(source: RepositorySource, clock: StillClock): Promise<SourceRead[]> {
  const reads: SourceRead[] = [];
  for (let look = 0; look < 3; look += 1) {
    clock.pass(CHECK_MS);
    reads.push(...(await readAll(source)));
  }
  return reads;
}

function toldOf(reads: readonly SourceRead[]): string[] {
  return reads.map((read) => {
    switch (read.kind) {
      case 'frame':
        return `${read.frame.firstSeq}-${read.frame.lastSeq}`;
      case 'hole':
        return `hole ${read.hole.from}-${read.hole.to}`;
      case 'fork':
      case 'again':
        return read.kind;
    }
  });
}

/** What is done to a repository that is followed: so many objects are archived, some are damaged, it is looked at; some are put back, and it is sought back by so many reads. */
const steps = fc.array(
  fc.record({
    archived: fc.integer({ min: 1, max: 12 }),
    harmed: harms,
    looks: fc.constantFrom(0, 1, 1, 3),
    isMended: fc.boolean(),
    back: fc.constantFrom(0, 0, 1, 2, 3),
  }),
  { minLength: 1, maxLength: 8 },
);

/** Nothing that primaries refused. */
function withoutOutcomes({ lanes, cuts, hours }: MadeHistory): MadeHistory {
  const plain = lanes.map(({ lane, records }): MadeLane => {
    const own = records.map((record) =>
      record.transport === 'log' ? { ...record, lines: ['!tick {}'] } : record,
    );
    return { lane, records: own };
  });
  return { lanes: plain, cuts, hours };
}

/** Whether the record of a write is in a hole. */
function isTold(write: string, reads: readonly SourceRead[]): boolean {
  const [place = ''] = write.split(' ');
  const [lane, seq] = place.split('/');
  return reads.some(
    (read) =>
      read.kind === 'hole' &&
      read.hole.lane === lane &&
      read.hole.from <= Number(seq) &&
      Number(seq) <= read.hole.to,
  );
}

/** By the names of instants. */
function lastValues(writes: readonly string[]): Map<string, string> {
  return new Map(
    writes.map((write) => {
      const [, transport = '', key = '', value = ''] = write.split(' ');
      return [key, `${transport} ${value}`];
    }),
  );
}

describe('of a repository that is damaged', () => {
  test('nothing is missing that is not told as a hole, and all of it comes once it is whole', async () => {
    const property = fc.asyncProperty(histories, harms, async (drawn, harmed) => {
      const history = withoutOutcomes(drawn);
      await using made = await Fabricated.create();
      await made.write(history.lanes, (lane) => objectsOf(lane, history));
      const clock = new StillClock(0);
      const mend = await harmSegments(made.repository, (index) => harmed[index % harmed.length]);
      const source = await sourceOf(made, clock, folder.path);
      await source.seek(beginningAt(null));
      const reads = await readAll(source);
      const given = new Set(writesOf(reads));
      const untold = expectedOf(history.lanes, source.completeToMs()).filter(
        (write) => !given.has(write) && !isTold(write, reads),
      );
      expect(untold).toEqual([]);
      for (const { lane } of history.lanes) {
        const ends = reads.flatMap((read) => {
          if (read.kind === 'frame' && read.frame.lane === lane)
            return [read.frame.firstSeq, read.frame.lastSeq];
          return read.kind === 'hole' && read.hole.lane === lane
            ? [read.hole.from, read.hole.to]
            : [];
        });
        expect(ends).toEqual(ends.toSorted((a, b) => a - b));
      }
      await mend();
      reads.push(...(await readOn(source, clock)));
      expect(lastValues(writesOf(reads))).toEqual(
        lastValues(expectedOf(history.lanes, source.completeToMs())),
      );
      await source.close();
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test('all of it comes once it is whole, whatever is archived, damaged, put back and read again meanwhile', async () => {
    const property = fc.asyncProperty(histories, steps, async (drawn, some) => {
      const history = withoutOutcomes(drawn);
      await using made = await Fabricated.create();
      await made.write(history.lanes, () => []);
      const writes = history.lanes.flatMap((lane, n) =>
        objectsOf(lane, history).map((object) => () => made.writeObject(lane, object, n + 1)),
      );
      const mends: (() => Promise<void>)[] = [];
      const clock = new StillClock(0);
      const source = await sourceOf(made, clock, folder.path);
      await source.seek(beginningAt(null));
      const reads: SourceRead[] = [];
      for (const { archived, harmed, looks, isMended, back } of some) {
        for (const write of writes.splice(0, archived)) await write();
        const harmOf = (index: number): Harm | undefined => harmed[index % harmed.length];
        mends.push(await harmSegments(made.repository, harmOf));
        for (let look = 0; look < looks; look += 1) {
          clock.pass(CHECK_MS);
          reads.push(...(await readAll(source)));
        }
        if (isMended) await mends.pop()?.();
        // Nobody goes back only to a place after what is to be given again.
        const last = reads.findLastIndex(({ kind }) => kind === 'again');
        reads.splice(Math.max(reads.length - back, last + 1));
        if (back > 0) await source.seek(placeAfter(beginningAt(null), reads));
      }
      for (const write of writes) await write();
      for (const mend of mends.toReversed()) await mend();
      reads.push(...(await readOn(source, clock)));
      expect(lastValues(writesOf(reads))).toEqual(
        lastValues(expectedOf(history.lanes, source.completeToMs())),
      );
      await source.close();
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('what only a damaged segment had is a hole in its place, at each reading of it', async () => {
    const a = { lane: LANE, records: [0, 10, 20, 30, 40, 50, 60].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => minutesOf(7, 2));
    await harmSegments(made.repository, (index) => (index === 1 ? 'data other' : undefined));
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    expect(toldOf(reads)).toEqual(['1-2', 'hole 3-4', '5-6']);
    expect(reads[1]).toMatchObject({
      hole: { lane: LANE, reason: expect.stringContaining('is not what was written') as string },
    });
    // What the hole was passed on to may have forgotten it.
    await source.seek(placeAfter(beginningAt(null), reads.slice(0, 1)));
    clock.pass(CHECK_MS);
    expect(toldOf(await readAll(source))).toEqual(['hole 3-4', '5-6']);
    await source.close();
  });

  test('of a hole that grows only the rest is told', async () => {
    const a = { lane: LANE, records: [0, 10, 20, 30, 40, 50, 60, 70].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => minutesOf(4, 2));
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    await harmSegments(made.repository, (index) => (index === 1 ? 'data gone' : undefined));
    const reads = await readAll(source);
    for (const object of minutesOf(8, 2).slice(2)) await made.writeObject(a, object);
    await harmSegments(made.repository, (index) => (index === 2 ? 'data cut' : undefined));
    reads.push(...(await readOn(source, clock)));
    expect(toldOf(reads)).toEqual(['1-2', 'hole 3-4', 'hole 5-6', '7-7']);
    await source.close();
  });

  test('what is put back fills its hole, and no other', async () => {
    const a = { lane: LANE, records: [0, 10, 20, 30, 40, 50, 60, 70, 80].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => minutesOf(9, 1));
    const mend = await harmSegments(made.repository, (n) => (n === 2 ? 'data cut' : undefined));
    await harmSegments(made.repository, (n) => (n === 5 ? 'sidecar other' : undefined));
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    expect(toldOf(reads)).toEqual(['1-2', 'hole 3-3', '4-5', 'hole 6-6', '7-8']);
    await mend();
    const again = await readOn(source, clock);
    expect(toldOf(again)).toEqual(['again', '2-5', 'hole 6-6', '7-8']);
    expect(again[0]).toMatchObject({ missing: [{ lane: LANE, from: 6, to: 6 }] });
    await source.close();
  });

  test('what is put back fills its hole, though it was started again since', async () => {
    const a = { lane: LANE, records: [0, 10, 20, 30, 40].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => minutesOf(5, 1));
    const mend = await harmSegments(made.repository, (n) => (n === 1 ? 'data gone' : undefined));
    const clock = new StillClock(0);
    const known: DamagedObject[] = [];
    const source = await sourceOf(made, clock, folder.path, known);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    expect(toldOf(reads)).toEqual(['1-1', 'hole 2-2', '3-4']);
    await source.close();
    expect(known).toHaveLength(1);
    await mend();
    const later = await sourceOf(made, clock, folder.path, known);
    await later.seek(placeAfter(beginningAt(null), reads));
    expect(toldOf(await readOn(later, clock))).toEqual(['again', '1-4']);
    expect(known).toEqual([]);
    await later.close();
  });

  test('what is put back at the end of lanes that have all ended fills its hole', async () => {
    const a = { lane: LANE, records: [0, 10, 20, 30].map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => minutesOf(4, 1));
    await retire(made, LANE, 4);
    const mend = await harmSegments(made.repository, (n) => (n === 3 ? 'data cut' : undefined));
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    expect(toldOf(await readOn(source, clock))).toEqual(['1-3', 'hole 4-4']);
    await mend();
    expect(toldOf(await readOn(source, clock))).toEqual(['again', '3-4']);
    await source.close();
  });

  test('what is made anew of a day that was merged comes, though no look fell between', async () => {
    const DAY_MS = 86_400_000;
    const times = [0, 1, 2, 3, 4, 5, 1 * DAY_MS, 2 * DAY_MS, 2 * DAY_MS + 10];
    const a = { lane: LANE, records: times.map((ms) => at(ms, ms)) };
    await using made = await Fabricated.create();
    await made.write([a], () => [
      ...minutesOf(6, 2),
      { level: 'hour', firstSeq: 1, lastSeq: 4 },
      { level: 'hour', firstSeq: 5, lastSeq: 6 },
      { level: 'day', firstSeq: 1, lastSeq: 6 },
      { level: 'minute', firstSeq: 7, lastSeq: 7 },
      { level: 'minute', firstSeq: 8, lastSeq: 9 },
    ]);
    await harmSegments(made.repository, (_, sidecar) =>
      isAround(sidecar) ? 'data other' : undefined,
    );
    const clock = new StillClock(0);
    const source = await sourceOf(made, clock, folder.path);
    await source.seek(beginningAt(null));
    const reads = await readAll(source);
    expect(toldOf(reads)).toEqual(['1-2', 'hole 3-4', '5-8']);
    const { root } = made.repository.store;
    for (const sidecar of (await sidecarsOf(made.repository)).filter(isAround)) {
      for (const name of [sidecar, sidecar.replace('.json', '.00000000.parquet')]) {
        await rename(join(root, name), join(folder.path, basename(name)));
      }
    }
    await made.writeObject(a, { level: 'minute', firstSeq: 3, lastSeq: 4 });
    await made.writeObject(a, { level: 'hour', firstSeq: 1, lastSeq: 4 });
    await made.writeObject(a, { level: 'day', firstSeq: 1, lastSeq: 6 });
    const again = await readOn(source, clock);
    expect(toldOf(again)).toEqual(['again', '2-8']);
    expect(again[0]).toMatchObject({ place: { latestMs: 1_001 }, missing: [] });
    await source.close();
  });
});

async function retire({ repository }: Fabricated, lane: string, lastSeq: number): Promise<void> {
  const retirement = { lane, lastSeq, isClosed: true, reason: 'gone', notedAt: 1 };
  await repository.store.create(
    formatRetirementName(lane, lastSeq),
    Buffer.from(formatRetirement(retirement)),
  );
}

/** Whether the segment holds the records that are lost. */
function isAround(sidecar: string): boolean {
  const name = parseObjectName(sidecar);
  return name?.kind === 'sidecar' && name.firstSeq <= 3 && name.lastSeq >= 4;
}

function minutesOf(records: number, each: number): MadeObject[] {
  return Array.from({ length: Math.ceil(records / each) }, (_, n) => {
    const lastSeq = Math.min(records, (n + 1) * each);
    return { level: 'minute', firstSeq: n * each + 1, lastSeq };
  });
}
