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
      const followed = new FollowedCatalog(store);
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
}, 120_000);

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

function beginOf(lane: string): Begin {
  const place = { lane, ordinal: 1, firstSeq: 1, openedAt: START, previous: null };
  return { ...place, reason: 'start', host: 'h', disputed: null };
}
