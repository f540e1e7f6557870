import { describe, expect, test } from 'vitest';
import { computeCoverage, type LaneHoldings } from '../../src/archive/holdings/coverage.ts';
import { laneId } from './history.ts';
import { beginOf, lanesOf, markerOf, spanOf } from './holdings.ts';

describe('a lane that was ended by hand', () => {
  const objects = [spanOf(1, 5, 100, 200)];
  const other = { begin: beginOf(2, 100, { host: 'other' }), objects: [spanOf(1, 9, 100, 900)] };
  const retirement = {
    lane: laneId(1),
    lastSeq: 5,
    isClosed: false,
    reason: 'its disk burned',
    notedAt: 950,
  };
  const cover = (fields: Partial<LaneHoldings>) =>
    computeCoverage(lanesOf({ objects, ...fields, begin: beginOf(1, 100) }, other));

  test('holds nothing back, and lacks what may have come after its last record', () => {
    expect(cover({})).toMatchObject({ safeTimeMs: 199, holes: [] });
    const coverage = cover({ retirements: [retirement] });
    expect(coverage).toMatchObject({ safeTimeMs: 899, restorable: [{ fromMs: 100, toMs: 199 }] });
    expect(coverage.holes).toEqual([
      {
        lane: laneId(1),
        firstSeq: 6,
        lastSeq: null,
        fromMs: 200,
        toMs: undefined,
        reason: 'its disk burned',
      },
    ]);
  });

  test('lacks nothing when it had stopped in order', () => {
    const coverage = cover({ retirements: [{ ...retirement, isClosed: true }] });
    expect(coverage).toMatchObject({ holes: [], restorable: [{ fromMs: 100, toMs: 899 }] });
  });

  test('is as it was before once more of it is there, or a later lane tells its end', () => {
    const more = [...objects, spanOf(6, 8, 200, 300)];
    const coverage = cover({ retirements: [retirement], objects: more });
    expect(coverage).toMatchObject({ holes: [], safeTimeMs: 299 });
    const next = beginOf(3, 400, { previous: { lane: laneId(1), lastSeq: 5 } });
    const followed = computeCoverage(
      lanesOf({ begin: beginOf(1, 100), objects, retirements: [retirement] }, { begin: next }),
    );
    expect(followed).toMatchObject({ holes: [], safeTimeMs: 399 });
  });

  test('lacks what a later lane names of it, when that one is gone, too, before anything of it came', () => {
    const next = beginOf(3, 400, { previous: { lane: laneId(1), lastSeq: 9 } });
    const gone = {
      begin: next,
      retirements: [{ ...retirement, lane: laneId(3), lastSeq: 0 }],
    };
    const cover3 = (retirements: NonNullable<LaneHoldings['retirements']>) =>
      computeCoverage(lanesOf({ begin: beginOf(1, 100), objects, retirements }, gone, other));
    expect(cover3([])).toMatchObject({ safeTimeMs: 199 });
    const coverage = cover3([retirement]);
    expect(coverage).toMatchObject({ safeTimeMs: 899, restorable: [{ fromMs: 100, toMs: 199 }] });
    expect(coverage.holes).toMatchObject([
      { lane: laneId(1), firstSeq: 6, lastSeq: 9, reason: 'its disk burned' },
      { lane: laneId(3), firstSeq: 1, lastSeq: null },
    ]);
  });
});

describe('lanes of a topic', () => {
  const first = { begin: beginOf(1, 100, { topic: 't' }), objects: [spanOf(1, 5, 100, 200)] };
  const second = {
    begin: beginOf(2, 300, { topic: 't', previous: { lane: laneId(1), lastSeq: 9 } }),
    objects: [spanOf(1, 2, 300, 400)],
  };

  test('are archived each at its own pace: what one lacks at its end is to come', () => {
    expect(computeCoverage(lanesOf(first, second))).toMatchObject({ holes: [], safeTimeMs: 199 });
  });

  test('lack at their end what a marker says', () => {
    const holes = [markerOf(6, 9, { toMs: null })];
    expect(computeCoverage(lanesOf({ ...first, holes }, second))).toMatchObject({
      holes: [{ firstSeq: 6, lastSeq: 9, fromMs: 200 }],
      safeTimeMs: 399,
    });
  });
});
