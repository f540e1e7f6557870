import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { reachOf } from '../../src/archive/holdings/reach.ts';
import {
  endOf,
  isComplete,
  isCovered,
  isIn,
  sequencesOf,
  startOf,
  timesOf,
} from './completeness.ts';
import { beginOf, lanesOf, markerOf, spanOf } from './holdings.ts';
import { histories, history, holdingsOf, laneId, type TrueLane } from './history.ts';

describe('the restorable window', () => {
  test.each([
    ['one directory', history],
    ['several', histories],
  ])('of %s is every time up to which every lane is complete, and no other', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (lanes) => {
        const coverage = computeCoverage(holdingsOf(lanes));
        for (const time of timesOf(lanes)) {
          const expected =
            time >= startOf(lanes) && lanes.every((lane) => isComplete(lanes, lane, time));
          expect([time, isIn(coverage, time)]).toEqual([time, expected]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['one directory', history],
    ['several', histories],
  ])(
    'of %s has no time at which a record was received up to it that no object holds, whole lanes missing or not',
    (_, arbitrary) => {
      fc.assert(
        fc.property(arbitrary, fc.array(fc.boolean()), (lanes, gone) => {
          // A lane that no other follows, and that is gone with its begin, can't be known of.
          const isFollowed = ({ lane }: TrueLane): boolean =>
            lanes.some((next) => next.begin.previous?.lane === lane);
          const kept = lanes.filter((lane, n) => gone[n] !== true || !isFollowed(lane));
          const coverage = computeCoverage(holdingsOf(kept));
          for (const time of timesOf(lanes).filter((one) => isIn(coverage, one))) {
            const missing = lanes.flatMap((lane) =>
              lane.receivedAt.filter(
                (at, n) => at <= time && !(kept.includes(lane) && isCovered(lane, n + 1)),
              ),
            );
            // What was received before the repository's history begins is no part of it.
            expect(missing.filter((at) => at >= startOf(kept))).toEqual([]);
          }
        }),
        { numRuns: 2_000 },
      );
    },
  );

  test('ends with what there is, however the objects are ordered and how often they are told', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (lanes, random) => {
        const { lanes: holdings } = holdingsOf(lanes);
        const shuffled = new Map(
          [...holdings].map(([lane, { objects, ...rest }]) => {
            const keyed = [...objects, ...objects].map((span) => ({
              span,
              key: Number(random.next().value),
            }));
            const spans = keyed.toSorted((a, b) => a.key - b.key);
            return [lane, { ...rest, objects: spans.map(({ span }) => span) }];
          }),
        );
        expect(computeCoverage({ lanes: shuffled })).toEqual(computeCoverage({ lanes: holdings }));
      }),
    );
  });
});

test('holes are the records missing before others of their lane, or of an ended lane before a later one', () => {
  fc.assert(
    fc.property(history, (lanes) => {
      const { holes, conflicts } = computeCoverage(holdingsOf(lanes));
      expect(conflicts).toEqual([]);
      const isFollowed = (lane: TrueLane): boolean =>
        lanes.some(
          (next) =>
            next.begin.previous?.lane === lane.lane &&
            (next.objects.length > 0 || isFollowed(next)),
        );
      const expected = lanes.flatMap((lane) => {
        const last = Math.max(0, ...lane.objects.map(({ lastSeq }) => lastSeq));
        const known = isFollowed(lane) ? Math.max(last, endOf(lanes, lane)) : last;
        return Array.from({ length: known }, (_, n) => n + 1)
          .filter((seq) => !isCovered(lane, seq))
          .map((seq) => `${lane.lane}/${seq}`);
      });
      expect(sequencesOf(holes).toSorted()).toEqual(expected.toSorted());
    }),
    { numRuns: 2_000 },
  );
});

describe('coverage', () => {
  test('of nothing is nothing', () => {
    const coverage = computeCoverage({ lanes: new Map() });
    expect(coverage).toMatchObject({ startMs: undefined, safeTimeMs: undefined, restorable: [] });
    expect(reachOf(coverage, 5, { allowHoles: true })).toMatchObject({ kind: 'unreachable' });
  });

  test('of a lane that was only registered says that nothing came before it', () => {
    const coverage = computeCoverage(lanesOf({ begin: beginOf(1, 100) }));
    expect(coverage).toMatchObject({ startMs: 100, safeTimeMs: 99, restorable: [], holes: [] });
  });

  test('takes no hole for what an archive that is behind has yet to bring', () => {
    const first = { begin: beginOf(1, 100), objects: [spanOf(1, 5, 100, 200)] };
    const second = beginOf(2, 300, { previous: { lane: laneId(1), lastSeq: 9 } });
    const behind = computeCoverage(lanesOf(first, { begin: second }));
    expect(behind).toMatchObject({ holes: [], safeTimeMs: 199 });
    const passed = computeCoverage(
      lanesOf(first, { begin: second, objects: [spanOf(1, 2, 300, 400)] }),
    );
    expect(passed.safeTimeMs).toBe(399);
    expect(passed.holes).toEqual([
      {
        lane: laneId(1),
        firstSeq: 6,
        lastSeq: 9,
        fromMs: 200,
        toMs: undefined,
        reason: 'no object of the repository holds these records',
      },
    ]);
    expect(passed.restorable).toEqual([{ fromMs: 100, toMs: 199 }]);
  });

  test('tells why from the markers, which make nothing covered', () => {
    const objects = [spanOf(1, 5, 100, 200), spanOf(9, 20, 300, 400)];
    const holes = [markerOf(6, 7), markerOf(8, 8, { reason: 'and this too' })];
    const coverage = computeCoverage(lanesOf({ begin: beginOf(1, 100), objects, holes }));
    expect(coverage.holes).toMatchObject([
      { firstSeq: 6, lastSeq: 8, fromMs: 200, toMs: 300, reason: 'the disk lost it; and this too' },
    ]);
    expect(coverage).toMatchObject({ safeTimeMs: 399, restorable: [{ fromMs: 100, toMs: 199 }] });
    const healed = [...objects, spanOf(6, 8, 200, 300)];
    expect(
      computeCoverage(lanesOf({ begin: beginOf(1, 100), objects: healed, holes })).holes,
    ).toEqual([]);
  });

  test('begins where archiving did, also in the middle of a lane', () => {
    const middle = beginOf(3, 100, { firstSeq: 500 });
    const coverage = computeCoverage(
      lanesOf({ begin: middle, objects: [spanOf(500, 600, 100, 200)] }),
    );
    expect(coverage).toMatchObject({ holes: [], restorable: [{ fromMs: 100, toMs: 199 }] });
  });

  test('tells a lane of which there is nothing, though another follows it', () => {
    const first = { begin: beginOf(1, 100), objects: [spanOf(1, 5, 100, 200)] };
    const third = beginOf(3, 300, { previous: { lane: laneId(2), lastSeq: 7 } });
    const coverage = computeCoverage(
      lanesOf(first, { begin: third, objects: [spanOf(1, 2, 300, 400)] }),
    );
    expect(coverage.holes).toMatchObject([
      { lane: laneId(2), firstSeq: 1, lastSeq: 7, fromMs: 200, toMs: 300 },
    ]);
    expect(coverage).toMatchObject({ safeTimeMs: 199, restorable: [{ fromMs: 100, toMs: 199 }] });
    const alone = computeCoverage(lanesOf({ begin: third, objects: [spanOf(1, 2, 300, 400)] }));
    expect(alone).toMatchObject({ safeTimeMs: 399, restorable: [], holes: [{ fromMs: 0 }] });
  });

  test('counts a lane that never had a durable record as ended', () => {
    const second = beginOf(2, 300, { previous: { lane: laneId(1), lastSeq: 0 } });
    const coverage = computeCoverage(
      lanesOf({ begin: beginOf(1, 100) }, { begin: second, objects: [spanOf(1, 2, 300, 400)] }),
    );
    expect(coverage).toMatchObject({ safeTimeMs: 399, holes: [] });
  });

  test('tells objects that can not both be right, and claims the least of them', () => {
    const objects = [
      spanOf(1, 10, 100, 200),
      spanOf(1, 20, 100, 400),
      spanOf(11, 20, 200, 300),
      spanOf(15, 30, 300, 500),
    ];
    const coverage = computeCoverage(lanesOf({ begin: beginOf(1, 100), objects }));
    expect(coverage.conflicts.map(({ reason, spans }) => [reason, spans[1]])).toEqual([
      ['their times disagree', objects[2]],
      ['they overlap in part', objects[3]],
    ]);
    expect(
      computeCoverage(lanesOf({ begin: beginOf(1, 100), objects: objects.slice(0, 3) })),
    ).toMatchObject({
      safeTimeMs: 299,
    });
  });

  test('tells records beyond the end that the next lane names: the log was rolled back', () => {
    const first = { begin: beginOf(1, 100), objects: [spanOf(1, 20, 100, 200)] };
    const second = { begin: beginOf(2, 300, { previous: { lane: laneId(1), lastSeq: 12 } }) };
    const { lanes } = computeCoverage(lanesOf(first, second));
    expect(lanes[0]).toMatchObject({ beyond: { firstSeq: 13, lastSeq: 20 }, coveredToMs: 'ended' });
  });
});

describe('a moment to restore to', () => {
  const objects = [spanOf(1, 5, 100, 200), spanOf(9, 20, 300, 400)];
  const coverage = computeCoverage(lanesOf({ begin: beginOf(1, 100), objects }));
  const check = (time: number, allowHoles = false) => reachOf(coverage, time, { allowHoles });

  test('is reachable from the first to the last moment of the window', () => {
    expect([100, 150, 199].map((time) => check(time).kind)).toEqual(Array(3).fill('reachable'));
  });

  test('before the history or after the safe time is told with the nearest that can be had', () => {
    expect(check(99)).toMatchObject({ kind: 'unreachable', nearestAfter: 100 });
    expect(check(400)).toMatchObject({ kind: 'unreachable', nearestBefore: 199 });
    expect(check(400, true)).toMatchObject({ kind: 'unreachable', nearestBefore: 399 });
  });

  test('after a hole is refused with the hole and the last time before it, unless holes are allowed', () => {
    const holes = [expect.objectContaining({ firstSeq: 6, lastSeq: 8 })];
    for (const time of [200, 399]) {
      expect(check(time)).toEqual({ kind: 'hole', holes, nearestBefore: 199 });
      expect(check(time, true)).toEqual({ kind: 'reachable' });
    }
  });
});
