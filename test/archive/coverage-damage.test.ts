import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  computeCoverage,
  type Coverage,
  type LaneHoldings,
} from '../../src/archive/holdings/coverage.ts';
import { isComplete, isCovered, isIn, sequencesOf, startOf, timesOf } from './completeness.ts';
import { beginOf, lanesOf, spanOf } from './holdings.ts';
import { histories, history, holdingsOf, laneId, ofTopic, type TrueLane } from './history.ts';

/** The same lanes with some of the objects damaged, and those. */
function harm(lanes: readonly TrueLane[], isHarmed: () => boolean) {
  const usable: TrueLane[] = [];
  const holdings = new Map<string, LaneHoldings>();
  for (const lane of lanes) {
    const damaged = lane.objects.filter(isHarmed);
    const objects = lane.objects.filter((span) => !damaged.includes(span));
    usable.push({ ...lane, objects });
    const { begin } = lane;
    const told = damaged.map((span) => Object.assign({ reason: 'it is damaged' }, span));
    holdings.set(lane.lane, { begin, objects, holes: [], damaged: told });
  }
  return { usable, holdings: { lanes: holdings } };
}

const endsOf = ({ lanes }: Coverage) => lanes.map(({ lane, coveredToMs }) => [lane, coveredToMs]);

describe('damage', () => {
  const harmed = fc.tuple(fc.oneof(history, histories), fc.boolean(), fc.infiniteStream(fc.nat(2)));

  test('changes no time up to which everything is there or known to be missing, and makes holes of what is lost', () => {
    fc.assert(
      fc.property(harmed, ([made, isOfTopic, random]) => {
        const lanes = isOfTopic ? made.map(ofTopic) : made;
        const whole = computeCoverage(holdingsOf(lanes));
        const { usable, holdings } = harm(lanes, () => random.next().value === 0);
        const coverage = computeCoverage(holdings);
        expect(endsOf(coverage)).toEqual(endsOf(whole));
        const { safeTimeMs, startMs } = whole;
        expect(coverage).toMatchObject({ safeTimeMs, startMs });
        const lost = lanes.flatMap((lane, n) =>
          lane.receivedAt.flatMap((_, index) => {
            const kept = usable[n];
            const isLost = isCovered(lane, index + 1) && kept && !isCovered(kept, index + 1);
            return isLost === true ? [`${lane.lane}/${index + 1}`] : [];
          }),
        );
        const holes = [...sequencesOf(whole.holes), ...lost];
        expect(sequencesOf(coverage.holes).toSorted()).toEqual(holes.toSorted());
        for (const time of timesOf(lanes)) {
          const expected =
            time >= startOf(lanes) && usable.every((lane) => isComplete(usable, lane, time));
          expect([time, isIn(coverage, time)]).toEqual([time, expected]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('of the end of a lane is a hole up to when its last record was received', () => {
    const objects = [spanOf(1, 90, 100, 200)];
    const damaged = [{ ...spanOf(91, 100, 200, 300), reason: 'x is damaged' }];
    const open = computeCoverage(lanesOf({ begin: beginOf(1, 100), objects, damaged }));
    const lost = { firstSeq: 91, lastSeq: 100, fromMs: 200, toMs: 300, reason: 'x is damaged' };
    expect(open).toMatchObject({ holes: [lost], safeTimeMs: 299 });
    expect(open.restorable).toEqual([{ fromMs: 100, toMs: 199 }]);
  });

  test('of the beginning of a lane whose begin is gone, too, is a hole from when it seems to begin', () => {
    const objects = [spanOf(11, 20, 200, 300)];
    const damaged = [{ ...spanOf(1, 10, 100, 200), reason: 'x is damaged' }];
    const other = { begin: beginOf(2, 50), objects: [spanOf(1, 9, 50, 400)] };
    const lanes = new Map<string, LaneHoldings>(lanesOf(other).lanes);
    lanes.set(laneId(1), { begin: undefined, objects, damaged, holes: [] });
    const { holes, restorable } = computeCoverage({ lanes });
    expect(holes).toMatchObject([{ firstSeq: 1, lastSeq: 10, fromMs: 100 }]);
    expect(restorable).toEqual([{ fromMs: 50, toMs: 99 }]);
  });

  test('leaves a lane ended that an operator ended', () => {
    const objects = [spanOf(1, 90, 100, 200)];
    const damaged = [{ ...spanOf(91, 100, 200, 300), reason: 'x is damaged' }];
    const note = { lane: laneId(1), lastSeq: 100, reason: 'it is gone', notedAt: 400 };
    const retired = (isClosed: boolean) => {
      const retirements = [{ ...note, isClosed }];
      const lane = { begin: beginOf(1, 100), objects, damaged, retirements };
      return computeCoverage(lanesOf(lane, { begin: beginOf(2, 100, { host: 'g' }) }));
    };
    const lost = { firstSeq: 91, lastSeq: 100, fromMs: 200 };
    const after = { firstSeq: 101, lastSeq: null, fromMs: 300 };
    expect(retired(true)).toMatchObject({ holes: [lost], lanes: [{ coveredToMs: 'ended' }, {}] });
    expect(retired(false)).toMatchObject({
      holes: [lost, after],
      lanes: [{ coveredToMs: 'ended' }, {}],
    });
  });

  test('of what comes after the end that the next lane names is a hole, too', () => {
    const objects = [spanOf(1, 100, 100, 200)];
    const damaged = [{ ...spanOf(101, 150, 200, 300), reason: 'x is damaged' }];
    const second = beginOf(2, 300, { previous: { lane: laneId(1), lastSeq: 100 } });
    const coverage = computeCoverage(
      lanesOf(
        { begin: beginOf(1, 100), objects, damaged },
        { begin: second, objects: [spanOf(1, 2, 300, 400)] },
      ),
    );
    expect(coverage.holes).toMatchObject([{ firstSeq: 101, lastSeq: 150, fromMs: 200 }]);
    expect(coverage.lanes[0]).toMatchObject({ beyond: { firstSeq: 101, lastSeq: 150 } });
    expect(coverage).toMatchObject({ safeTimeMs: 399, restorable: [{ fromMs: 100, toMs: 199 }] });
  });
});
