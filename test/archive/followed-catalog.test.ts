import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { FollowedCatalog } from '../../src/archive/holdings/followed-catalog.ts';
import { formatSidecarName, type SegmentName } from '../../src/archive/format/object-names.ts';
import type { Begin } from '../../src/archive/format/sidecar.ts';
import { hastyStore, putBegin, putEmptySegment } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { laneId } from './history.ts';
import { ageLanes, laneShapes } from './kit/aged-lanes.ts';
import { mergeAll } from './kit/plan-lane.ts';
import { readWholeCatalog } from './kit/whole-catalog.ts';

const namesOf = (segments: readonly SegmentName[] = []): string[] =>
  segments.map(formatSidecarName).toSorted();

test('each look at a repository that grows in any order tells what a listing of all tells', async () => {
  const property = fc.asyncProperty(
    laneShapes,
    fc.array(fc.nat(), { minLength: 1, maxLength: 300 }),
    fc.integer({ min: 1, max: 30 }),
    async (shapes, order, step) => {
      await using folder = await tempDirectory('followed');
      const store = hastyStore(folder.path);
      const lanes = await ageLanes(shapes);
      const objects = [
        ...lanes.map(
          ({ begin }) =>
            (): Promise<unknown> =>
              putBegin(store, begin),
        ),
        ...lanes
          .flatMap(({ segments }) => segments)
          .map((segment) => (): Promise<unknown> => putEmptySegment(store, segment)),
      ];
      const keyed = objects.map((put, n) => ({ put, key: order[n % order.length] ?? 0 }));
      const inOrder = keyed.toSorted((a, b) => a.key - b.key);
      const followed = new FollowedCatalog(store, { restMs: Infinity, turns: 1 });
      for (let at = 0; at < inOrder.length; at += step) {
        for (const { put } of inOrder.slice(at, at + step)) await put();
        const catalog = await followed.look();
        const whole = await readWholeCatalog(store);
        expect(computeCoverage(catalog)).toEqual(computeCoverage(whole));
        const listed = await readCatalog(store);
        for (const [lane, { objects: held }] of catalog.lanes) {
          expect(namesOf(held)).toEqual(namesOf(listed.lanes.get(lane)?.objects));
        }
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

const DAY_MS = 86_400_000;
const START = Date.parse('2025-03-01T00:00:00Z');
const HOURS = 24;

/** A segment for each hour, ten records each. */
function hoursOf(day: number): SegmentName[] {
  return Array.from({ length: HOURS }, (_, hour) => {
    const n = day * HOURS + hour;
    const fromMs = START + (n * DAY_MS) / HOURS;
    const toMs = fromMs + DAY_MS / HOURS - 1;
    return {
      lane: laneId(1),
      level: 'minute',
      firstSeq: n * 10 + 1,
      lastSeq: n * 10 + 10,
      fromMs: Math.max(START, fromMs - 1),
      toMs,
    };
  });
}

test('a later look lists what may have changed, and keeps one name of each day that was merged meanwhile', async () => {
  await using folder = await tempDirectory('followed');
  const store = hastyStore(folder.path);
  const lane = laneId(1);
  await putBegin(store, beginOf(lane));
  const listed: string[] = [];
  const list = store.list.bind(store);
  store.list = async function* (prefix, after) {
    for await (const object of list(prefix, after)) {
      if (!object.name.endsWith('begin.json')) listed.push(object.name);
      yield object;
    }
  };
  const followed = new FollowedCatalog(store);
  let segments: SegmentName[] = [];
  for (let day = 0; day < 12; day += 1) {
    for (const segment of hoursOf(day)) await putEmptySegment(store, segment);
    // The day before is merged now that it is known to be whole.
    const all = await mergeAll([...segments, ...hoursOf(day)], undefined);
    for (const segment of all.slice(segments.length + HOURS)) await putEmptySegment(store, segment);
    segments = all;
    listed.length = 0;
    const catalog = await followed.look();
    const held = catalog.lanes.get(lane)?.objects ?? [];
    expect(held.map(({ level }) => level)).toEqual([
      ...Array<string>(day).fill('day'),
      ...Array<string>(HOURS).fill('minute'),
    ]);
    expect(computeCoverage(catalog).lanes[0]?.covered).toHaveLength(1);
    // Two days with all that is in them, and what tells that there is no more.
    expect(listed.length).toBeLessThan(4 * HOURS);
  }
});

test('days that were not merged are listed as one stretch, however many', async () => {
  expect(await listings(12)).toBe(await listings(2));
});

/** How often a look lists something of a lane of so many days. */
async function listings(days: number): Promise<number> {
  await using folder = await tempDirectory('followed');
  const store = hastyStore(folder.path);
  await putBegin(store, beginOf(laneId(1)));
  for (let day = 0; day < days; day += 1) {
    for (const segment of hoursOf(day)) await putEmptySegment(store, segment);
  }
  const followed = new FollowedCatalog(store);
  await followed.look();
  let count = 0;
  const list = store.list.bind(store);
  store.list = (...of) => {
    count += 1;
    return list(...of);
  };
  await followed.look();
  return count;
}

test('lanes that ended long ago are looked at in turns, and what comes to them all the same is found', async () => {
  await using folder = await tempDirectory('followed');
  const store = hastyStore(folder.path);
  const lanes = Array.from({ length: 12 }, (_, index) => laneId(index + 1));
  for (const [index, lane] of lanes.entries()) {
    const before = lanes[index - 1];
    const openedAt = START + index * DAY_MS;
    const previous = before === undefined ? null : { lane: before, lastSeq: 10 };
    await putBegin(store, { ...beginOf(lane), ordinal: index + 1, openedAt, previous });
    const span = { firstSeq: 1, lastSeq: 10, fromMs: openedAt, toMs: openedAt + DAY_MS / 2 };
    await putEmptySegment(store, { lane, level: 'day', ...span });
  }
  const looked = new Set<string>();
  const list = store.list.bind(store);
  store.list = (prefix, after) => {
    looked.add(prefix.split('/')[1] ?? '');
    return list(prefix, after);
  };
  const turns = 4;
  const followed = new FollowedCatalog(store, { restMs: 3 * DAY_MS, turns });
  const look = async (): Promise<{ readonly lanes: string[]; readonly names: number }> => {
    looked.clear();
    const catalog = await followed.look();
    const held = [...catalog.lanes.values()].flatMap(({ objects }) => objects);
    return { lanes: [...looked], names: held.length };
  };
  expect((await look()).lanes.toSorted()).toEqual(lanes);
  const late = { firstSeq: 11, lastSeq: 20, fromMs: START, toMs: START + DAY_MS - 1 };
  await putEmptySegment(store, { lane: laneId(1), level: 'minute', ...late });
  const later = [await look(), await look(), await look(), await look()];
  expect(later).toHaveLength(turns);
  // The last one goes on; three ended less than three days before it.
  for (const one of later) expect(one.lanes.length).toBeLessThan(8);
  expect(new Set(later.flatMap((one) => one.lanes))).toEqual(new Set(lanes));
  expect(later.map(({ names }) => names).at(-1)).toBe(13);
});

test('the lanes are found by one listing of what is below them, however many', async () => {
  await using folder = await tempDirectory('lanes');
  const files = hastyStore(folder.path);
  for (let index = 1; index <= 5; index += 1) await putBegin(files, beginOf(laneId(index)));
  const listed: string[] = [];
  const all = files.list.bind(files);
  const children = files.children.bind(files);
  files.list = (prefix, after) => {
    listed.push(prefix);
    return all(prefix, after);
  };
  files.children = (prefix) => {
    listed.push(prefix);
    return children(prefix);
  };
  expect((await readCatalog(files)).lanes.size).toBe(5);
  expect(listed.filter((prefix) => prefix === 'lanes')).toHaveLength(1);
});

function beginOf(lane: string): Begin {
  const place = { lane, ordinal: 1, firstSeq: 1, openedAt: START, previous: null };
  return { ...place, reason: 'start', host: 'h', disputed: null };
}
