import { describe, expect, test } from 'vitest';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { latestLacking } from '../../src/compare/log-lookup.ts';
import { beginOf, lanesOf, spanOf } from '../archive/holdings.ts';
import { laneId } from '../archive/history.ts';

const RETIREMENT = { lane: laneId(1), isClosed: false, reason: 'it is gone', notedAt: 300 };
const SECOND = beginOf(2, 500, { previous: { lane: laneId(1), lastSeq: 9 } });
const FIRST = { begin: beginOf(1, 100), objects: [spanOf(1, 5, 100, 200)] };

describe('what a log lacks was written', () => {
  test.each([
    ['never, without a hole', [FIRST], undefined],
    [
      'by the end of the first segment after it',
      [{ ...FIRST, objects: [...FIRST.objects, spanOf(8, 9, 200, 300), spanOf(10, 12, 300, 400)] }],
      300,
    ],
    [
      'before the next lane, at the end of one',
      [FIRST, { begin: SECOND, objects: [spanOf(1, 2, 500, 600)] }],
      500,
    ],
    [
      'by then, what is damaged at the end of the last',
      [{ ...FIRST, damaged: [{ ...spanOf(6, 9, 200, 300), reason: 'it is damaged' }] }],
      300,
    ],
    [
      'nobody knows when, after a lane that was ended for good',
      [{ ...FIRST, retirements: [{ ...RETIREMENT, lastSeq: 5 }] }],
      Infinity,
    ],
  ])('%s', (_, lanes, expected) => {
    const holdings = lanesOf(...lanes);
    expect(latestLacking(computeCoverage(holdings).holes, holdings)).toBe(expected);
  });

  test('by the end of the first whole segment after several that are damaged, and still listed', () => {
    const spoilt = [spanOf(6, 7, 200, 250), spanOf(8, 9, 250, 300), spanOf(10, 12, 300, 400)];
    const after = spanOf(13, 14, 400, 500);
    const { objects } = FIRST;
    const damaged = spoilt.map((span) => Object.assign({ reason: 'it is damaged' }, span));
    const { holes } = computeCoverage(lanesOf({ ...FIRST, objects: [...objects, after], damaged }));
    const listed = lanesOf({ ...FIRST, objects: [...objects, ...spoilt, after] });
    // The last one is damaged by then: it is told with the hole.
    expect(latestLacking(holes, listed)).toBe(Math.min(500, holes[0]?.toMs ?? 500));
    expect(latestLacking(holes, listed)).toBeGreaterThanOrEqual(400);
  });
});
