import { describe, expect, test } from 'vitest';
import type { LaneHoldings } from '../../../src/archive/holdings/coverage.ts';
import { timesSetBack } from '../../../src/restore/fold/set-back.ts';

const HOST = { firstSeq: 1, reason: 'clock leap', host: 'h' };

describe('the order of lanes whose clock was set back', () => {
  test('counts what was received ahead of the next lane as received just before it', () => {
    const lanes = holdings([
      { lane: 'a', openedAt: 1_000, toMs: 5_000 },
      { lane: 'b', openedAt: 3_000, toMs: 4_000, disputed: { from: 5_000, to: 3_000 } },
    ]);
    expect(timesSetBack(lanes)).toEqual(new Map([['a', 2_999]]));
  });

  test('keeps all lanes before it apart, with those that have nothing in them', () => {
    const lanes = holdings([
      { lane: 'a', openedAt: 1_000, toMs: 5_000 },
      { lane: 'b', openedAt: 5_500, toMs: undefined },
      { lane: 'c', openedAt: 6_000, toMs: 7_000 },
      { lane: 'd', openedAt: 4_000, toMs: 9_000, disputed: { from: 7_000, to: 4_000 } },
    ]);
    expect(timesSetBack(lanes)).toEqual(
      new Map([
        ['c', 3_999],
        ['a', 3_997],
      ]),
    );
  });

  test('leaves alone what was received before anyway, and a clock that was set on', () => {
    const lanes = holdings([
      { lane: 'a', openedAt: 1_000, toMs: 2_000 },
      { lane: 'b', openedAt: 3_000, toMs: 5_000 },
      { lane: 'c', openedAt: 4_000, toMs: 6_000, disputed: { from: 5_000, to: 4_000 } },
      { lane: 'd', openedAt: 9_000, toMs: 9_500, disputed: { from: 6_000, to: 9_000 } },
    ]);
    expect(timesSetBack(lanes)).toEqual(new Map([['b', 3_999]]));
  });

  test('moves nothing for a clock from before all that there is', () => {
    const day = 86_400_000;
    const before = [
      { lane: 'a', openedAt: 10 * day, toMs: 11 * day },
      { lane: 'b', openedAt: 11 * day, toMs: 12 * day },
    ];
    const to = (openedAt: number): MadeLane => {
      return {
        lane: 'c',
        openedAt,
        toMs: openedAt + 1,
        disputed: { from: 12 * day, to: openedAt },
      };
    };
    expect(timesSetBack(holdings([...before, to(1)]))).toEqual(new Map());
    const late = new Map([
      ['b', 10.5 * day - 1],
      ['a', 10.5 * day - 2],
    ]);
    expect(timesSetBack(holdings([...before, to(10.5 * day)]))).toEqual(late);
  });

  test('says nothing of other data directories', () => {
    const one = holdings([{ lane: 'x', openedAt: 1_000, toMs: 9_000 }]);
    const other = holdings([
      { lane: 'a', openedAt: 1_000, toMs: 5_000 },
      { lane: 'b', openedAt: 3_000, toMs: 4_000, disputed: { from: 5_000, to: 3_000 } },
    ]);
    expect(timesSetBack(new Map([...one, ...other]))).toEqual(new Map([['a', 2_999]]));
  });
});

interface MadeLane {
  readonly lane: string;
  readonly openedAt: number;
  readonly toMs: number | undefined;
  readonly disputed?: { readonly from: number; readonly to: number };
}

/** Lanes of one data directory. */
function holdings(made: readonly MadeLane[]): Map<string, LaneHoldings> {
  return new Map(
    made.map(({ lane, openedAt, toMs, disputed = null }, index) => {
      const before = made[index - 1];
      const previous = before === undefined ? null : { lane: before.lane, lastSeq: 1 };
      const begin = { ...HOST, lane, ordinal: index + 1, openedAt, previous, disputed };
      const span = { firstSeq: 1, lastSeq: 1, fromMs: openedAt, toMs: toMs ?? openedAt };
      return [lane, { begin, objects: toMs === undefined ? [] : [span], holes: [] }] as const;
    }),
  );
}
