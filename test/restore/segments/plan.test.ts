import { expect, test } from 'vitest';
import { selectSegments } from '../../../src/restore/segments/plan.ts';

const LANE = '0123456789abcdef';

test.each([
  [{ from: 1_000, to: 2_000 }, 'on'],
  [{ from: 2_000, to: 1_000 }, 'back'],
])('a clock that leapt, from and to %j, disputes the moments between', (disputed) => {
  const begin = {
    lane: LANE,
    ordinal: 1,
    firstSeq: 1,
    openedAt: 500,
    previous: null,
    reason: 'clock leap',
    disputed,
    host: 'h',
  };
  const catalog = { lanes: new Map([[LANE, { begin, objects: [], holes: [] }]]), faults: [] };
  const disputedAt = (asOfMs: number): unknown =>
    selectSegments(catalog, asOfMs, { allowHoles: true }).disputed;
  expect(disputedAt(1_500)).toEqual([{ lane: LANE, ...disputed }]);
  expect(disputedAt(999)).toEqual([]);
  expect(disputedAt(2_001)).toEqual([]);
});
