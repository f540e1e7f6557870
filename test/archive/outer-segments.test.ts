import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { outermost } from '../../src/archive/holdings/lane-spans.ts';
import {
  formatSidecarName,
  type Level,
  type SegmentName,
  type Span,
} from '../../src/archive/format/object-names.ts';
import { hastyStore, putBegin, putEmptySegment } from '../kit/repository.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ageLanes, laneShapes, putAged } from './kit/aged-lanes.ts';
import { readWholeCatalog } from './kit/whole-catalog.ts';
import { laneId } from './history.ts';

test('coverage by the outermost segments is that by all of them: with holes, late ones, and days that lack some', async () => {
  let left = 0;
  await fc.assert(
    fc.asyncProperty(laneShapes, async (shapes) => {
      await using folder = await tempDirectory('outermost');
      const store = hastyStore(folder.path);
      await putAged(store, await ageLanes(shapes));
      const whole = await readWholeCatalog(store);
      const catalog = await readCatalog(store);
      expect(computeCoverage(catalog)).toEqual(computeCoverage(whole));
      for (const [lane, { objects }] of whole.lanes) {
        const held = catalog.lanes.get(lane)?.objects ?? [];
        // None is told twice, and none that is missing lies in no other.
        expect(new Set(held.map(formatSidecarName)).size).toBe(held.length);
        expect(spansOf(held)).toEqual(spansOf(objects));
        left += objects.length - held.length;
      }
    }),
    { numRuns: 75 },
  );
  expect(left).toBeGreaterThan(0);
});

function spansOf(segments: readonly SegmentName[]): Span[] {
  return outermost(segments).map(({ firstSeq, lastSeq, fromMs, toMs }) => ({
    firstSeq,
    lastSeq,
    fromMs,
    toMs,
  }));
}

const DAY = Date.parse('2025-03-04T00:00:00Z');

/** `minute` of a day, ten records each. */
function segment(level: Level, first: number, last: number): SegmentName {
  return {
    lane: laneId(1),
    level,
    firstSeq: first * 10 + 1,
    lastSeq: last * 10 + 10,
    fromMs: DAY + first * 60_000,
    toMs: DAY + (last + 1) * 60_000,
  };
}

test('a day that was merged is one name, and what it lacks is found beside it', async () => {
  await using folder = await tempDirectory('outermost');
  const store = hastyStore(folder.path);
  const lane = laneId(1);
  const begin = { lane, ordinal: 1, firstSeq: 1, openedAt: DAY, reason: 'start', host: 'h' };
  await putBegin(store, { ...begin, previous: null, disputed: null });
  const day = segment('day', 10, 69);
  const minutes = Array.from({ length: 80 }, (_, n) => segment('minute', n, n));
  const hour = segment('hour', 10, 59);
  for (const one of [...minutes, hour, day]) await putEmptySegment(store, one);
  const held = (await readCatalog(store)).lanes.get(lane)?.objects ?? [];
  // Of a lane's last merged day all is looked at, and here its beginning is missing.
  expect(held).toEqual([day, ...minutes.slice(0, 10), ...minutes.slice(70)]);
});
