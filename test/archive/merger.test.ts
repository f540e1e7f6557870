import { rm, writeFile, readFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { readSidecar } from '../../src/archive/holdings/catalog.ts';
import { uniteSpans } from '../../src/archive/holdings/lane-spans.ts';
import { formatSidecarName, type SegmentName } from '../../src/archive/format/object-names.ts';
import type { Repository } from '../../src/archive/repository.ts';
import type { Sidecar } from '../../src/archive/format/sidecar.ts';
import { type FileOperations, fileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import { AdvancingClock } from '../kit/advancing-clock.ts';
import { Fabricated } from '../restore/kit/fabricated.ts';
import {
  busyLane,
  byName,
  faultsOf,
  LANES,
  LATE,
  levelsOf,
  minutesOf,
  NEVER,
  newMerger,
  rowsOf,
  segmentsIn,
  straysOf,
} from './kit/merging.ts';

const [FIRST, SECOND] = LANES;
const HOUR_MS = 3_600_000;

vi.setConfig({ testTimeout: 60_000 });

/** A lane over two days that ended, and one that goes on. */
async function filled(isIdle = false): Promise<Fabricated> {
  const made = await Fabricated.create();
  const first = busyLane(FIRST, LATE, 10, isIdle);
  const second = busyLane(SECOND, LATE + 4 * HOUR_MS, 5, isIdle);
  await made.write([first, second], minutesOf);
  return made;
}

const ofLevel = (segments: readonly SegmentName[], level: string): SegmentName[] =>
  segments.filter((segment) => segment.level === level);

async function sidecarsOf({ store }: Repository, segments: readonly SegmentName[]) {
  const sidecars: Sidecar[] = [];
  for (const segment of segments) {
    const sidecar = await readSidecar(store, segment);
    if (sidecar !== undefined) sidecars.push(sidecar);
  }
  return sidecars;
}

const sumOf = (sidecars: readonly Sidecar[]) => ({
  records: sidecars.reduce((all, { records }) => all + records, 0),
  points: sidecars.reduce((all, { points }) => all + points, 0),
  refused: sidecars.reduce((all, { refused }) => all + refused, 0),
  rows: sidecars.reduce((all, { data }) => all + (data?.rows ?? 0), 0),
  confirmed: sidecars.findLast(({ confirmed }) => confirmed !== null)?.confirmed,
  ordinals: new Set(sidecars.map(({ ordinal }) => ordinal)),
});

describe('the merger', () => {
  test('makes hours of minutes and days of hours, as far as a lane is over', async () => {
    await using made = await filled();
    const { merger, told } = newMerger(made);
    await merger.once(NEVER);
    const found = await segmentsIn(made.repository);
    // It ended: each of its days is one segment.
    expect(levelsOf(found.get(FIRST) ?? [])).toEqual(['day', 'day']);
    // It goes on: its day is not over, and neither is the second hour of it.
    expect(levelsOf(found.get(SECOND) ?? [])).toEqual(['hour', 'minute', 'minute']);
    expect(await faultsOf(made.repository)).toEqual([]);
    expect(await straysOf(made.repository)).toEqual([]);
    expect(told).toMatchObject({ blocked: [], hindered: [] });
    await merger.once(NEVER);
    expect(told.merged).toHaveLength(6);
  });

  test('leaves in what is merged every row, and in its sidecar all that the parts’ say', async () => {
    await using made = await filled();
    const minutes = await segmentsIn(made.repository);
    await newMerger(made).merger.once(NEVER);
    const merged = await segmentsIn(made.repository);
    for (const [level, lane] of [
      ['hour', FIRST],
      ['day', FIRST],
      ['hour', SECOND],
    ] as const) {
      const some = ofLevel(merged.get(lane) ?? [], level);
      const covered = uniteSpans(some).covered;
      const parts = (minutes.get(lane) ?? []).filter(({ firstSeq, lastSeq }) =>
        covered.some((span) => span.firstSeq <= firstSeq && lastSeq <= span.lastSeq),
      );
      const { repository, scratch } = made;
      const rows = await rowsOf(repository, some, scratch);
      expect(rows.length).toBeGreaterThan(10);
      expect(rows).toEqual(await rowsOf(repository, parts, scratch));
      expect(sumOf(await sidecarsOf(repository, some))).toEqual(
        sumOf(await sidecarsOf(repository, parts)),
      );
    }
  });

  test('writes sidecars alone of stretches in which nothing was written', async () => {
    await using made = await filled(true);
    await newMerger(made).merger.once(NEVER);
    const found = await segmentsIn(made.repository);
    expect(levelsOf(found.get(FIRST) ?? [])).toEqual(['day', 'day']);
    const days = ofLevel(found.get(FIRST) ?? [], 'day');
    // The first one holds the opening of the lane.
    expect(await sidecarsOf(made.repository, days)).toMatchObject([
      { data: { rows: 1 }, points: 0, instants: null },
      { data: null, points: 0, instants: null, confirmed: `${FIRST}/10` },
    ]);
  });

  test('does nothing while the archiver is behind', async () => {
    await using made = await filled();
    const before = byName((await segmentsIn(made.repository)).get(FIRST) ?? []);
    await newMerger(made, { isBehind: () => true }).merger.once(NEVER);
    expect(byName((await segmentsIn(made.repository)).get(FIRST) ?? [])).toEqual(before);
  });

  test('goes on with what is committed later', async () => {
    await using made = await Fabricated.create();
    const lane = busyLane(FIRST, LATE, 11);
    const minutes = minutesOf(lane);
    await made.write([lane], () => minutes.slice(0, 1));
    const { merger } = newMerger(made);
    for (const minute of minutes.slice(1)) {
      await made.writeObject(lane, minute);
      await merger.once(NEVER);
    }
    const found = (await segmentsIn(made.repository)).get(FIRST) ?? [];
    expect(levelsOf(found)).toEqual(['day', 'hour', 'minute', 'minute']);
  });

  test('indexes the months that are closed', async () => {
    await using made = await Fabricated.create();
    const month = busyLane(FIRST, Date.parse('2025-03-31T23:00:00Z'), 5);
    await made.write([month], minutesOf);
    const { merger, told } = newMerger(made);
    await merger.once(NEVER);
    expect(told.indexed).toEqual(['2025-03']);
  });
});

describe('a damaged segment', () => {
  const damages: [string, (path: { data: string; sidecar: string }) => Promise<void>][] = [
    ['a changed byte of its data', ({ data }) => flip(data)],
    ['a changed byte of its sidecar', ({ sidecar }) => flip(sidecar)],
    ['no data', ({ data }) => rm(data)],
  ];
  test.each(damages)(
    'with %s is not merged, is told once, and merged once it is mended',
    async (_, damage) => {
      await using made = await filled();
      const { repository } = made;
      const [, minute] = (await segmentsIn(repository)).get(FIRST) ?? [];
      if (minute === undefined) throw new Error('there is a second minute');
      const sidecar = await readSidecar(repository.store, minute);
      const paths = {
        sidecar: join(repository.store.root, formatSidecarName(minute)),
        data: join(repository.store.root, sidecar?.data?.object ?? ''),
      };
      for (const path of Object.values(paths)) await copyFile(path, `${path}.copy`);
      await damage(paths);
      const clock = new AdvancingClock();
      const { merger, told } = newMerger(made, { clock });
      for (let round = 0; round < 3; round += 1) {
        await merger.once(NEVER);
        clock.advance(4 * HOUR_MS);
      }
      // Nothing of the hour that it is in, and so nothing of its day; all else is merged.
      const blocked = (await segmentsIn(repository)).get(FIRST) ?? [];
      expect(levelsOf(blocked)).toEqual(['minute', 'minute', 'minute', 'hour', 'day']);
      expect(told.blocked).toHaveLength(1);
      expect(told.hindered.filter((reason) => reason !== undefined)).toEqual([]);
      for (const path of Object.values(paths)) await copyFile(`${path}.copy`, path);
      clock.advance(7 * HOUR_MS);
      await merger.once(NEVER);
      expect(levelsOf((await segmentsIn(repository)).get(FIRST) ?? [])).toEqual(['day', 'day']);
    },
  );
});

describe('mergers', () => {
  test('that work at once make each segment once, and leave nothing else', async () => {
    await using made = await filled();
    const [one, other] = ['one', 'other'].map((name) => newMerger(made, { name }));
    await Promise.all([one?.merger.once(NEVER), other?.merger.once(NEVER)]);
    expect(await faultsOf(made.repository)).toEqual([]);
    expect(await straysOf(made.repository)).toEqual([]);
    const own = [...(one?.told.merged ?? []), ...(other?.told.merged ?? [])];
    expect(new Set(byName(own)).size).toBe(own.length);
    expect(own).toHaveLength(6);
    expect(levelsOf((await segmentsIn(made.repository)).get(FIRST) ?? [])).toEqual(['day', 'day']);
  });

  test('that die at any step of a write leave nothing wrong, and another goes on', async () => {
    await using made = await Fabricated.create();
    const { repository } = made;
    await made.write([busyLane(FIRST, LATE, 7)], minutesOf);
    let steps = 0;
    for (let isDone = false; !isDone;) {
      steps += 1;
      const store = new FileStore(repository.store.root, dyingAfter(steps));
      const { merger, told } = newMerger(made, { repository: { ...repository, store } });
      await merger.once(NEVER);
      isDone = told.hindered.length === 0;
      expect(await faultsOf(repository)).toEqual([]);
    }
    expect(steps).toBeGreaterThan(5);
    expect(levelsOf((await segmentsIn(repository)).get(FIRST) ?? [])).toEqual(['day', 'minute']);
  });

  test('tell when the storage fails, and merge when it works again', async () => {
    await using made = await filled();
    const { repository } = made;
    let isFull = true;
    const operations = {
      ...fileOperations,
      copy: (path: string, source: string) =>
        isFull ? Promise.reject(new Error('ENOSPC')) : fileOperations.copy(path, source),
    };
    const store = new FileStore(repository.store.root, operations);
    const clock = new AdvancingClock();
    const { merger, told } = newMerger(made, { repository: { ...repository, store }, clock });
    await merger.once(NEVER);
    expect(told.hindered).toEqual(['ENOSPC']);
    isFull = false;
    clock.advance(7 * HOUR_MS);
    await merger.once(NEVER);
    expect(told.hindered).toEqual(['ENOSPC', undefined]);
    expect(levelsOf((await segmentsIn(repository)).get(FIRST) ?? [])).toEqual(['day', 'day']);
  });

  test('end when they are told to, with nothing half done', async () => {
    await using made = await filled();
    const stop = new AbortController();
    const { merger, told } = newMerger(made);
    const running = merger.run(stop.signal);
    while (told.merged.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await running;
    expect(told.hindered).toEqual([]);
    expect(await faultsOf(made.repository)).toEqual([]);
    const { merger: next } = newMerger(made);
    await next.once(NEVER);
    expect(levelsOf((await segmentsIn(made.repository)).get(FIRST) ?? [])).toEqual(['day', 'day']);
  });
});

async function flip(path: string): Promise<void> {
  const content = await readFile(path);
  const at = Math.floor(content.length / 2);
  content[at] = (content[at] ?? 0) ^ 1;
  await writeFile(path, content);
}

/** After so many steps nothing works any more, as in a process that is gone. */
function dyingAfter(steps: number): FileOperations {
  let left = steps;
  const step = async (work: () => Promise<void>): Promise<void> => {
    if (left === 0) throw new Error('it died');
    left -= 1;
    await work();
  };
  const real = fileOperations;
  return {
    write: (path, content) => step(() => real.write(path, content)),
    copy: (path, source) => step(() => real.copy(path, source)),
    link: (path, name) => step(() => real.link(path, name)),
    remove: (path) => step(() => real.remove(path)),
    makeFolder: (path) => step(() => real.makeFolder(path)),
    syncFolder: (path) => step(() => real.syncFolder(path)),
  };
}
