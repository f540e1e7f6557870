import { describe, expect, test } from 'vitest';
import {
  type Contained,
  lackingOf,
  lastContained,
  type LaneEnd,
  parseContained,
  parseLaneEnds,
} from '../../src/record/lane-end.ts';

const DAY_MS = 86_400_000;

const end = (lane: string, ordinal: number, seq: number, receivedBy = ordinal * 100): LaneEnd => {
  return { lane, ordinal, firstSeq: 1, seq, receivedBy };
};

const contained = (
  lanes: Readonly<Record<string, number>>,
  times: Partial<Pick<Contained, 'sinceMs' | 'latestMs'>> = {},
): Contained => {
  const known = new Map(
    Object.entries(lanes).map(([lane, seq]) => [lane, { seq, receivedAt: 150 }]),
  );
  return { sinceMs: null, latestMs: null, ...times, lanes: known };
};

describe('what is contained of the lanes of a log', () => {
  const ends = [end('a', 1, 10), end('b', 2, 20), end('c', 3, 30)];

  test.each([
    ['all of it', contained({ a: 10, b: 20, c: 30 }), { lane: 'c', seq: 30 }],
    ['more than the log has of it', contained({ a: 10, b: 20, c: 31 }), { lane: 'c', seq: 30 }],
    ['all but the end', contained({ a: 10, b: 20, c: 29 }), { lane: 'c', seq: 29 }],
    ['nothing of the last lane', contained({ a: 10, b: 20 }), { lane: 'b', seq: 20 }],
    [
      'not all of a lane before the last',
      contained({ a: 10, b: 19, c: 30 }),
      { lane: 'b', seq: 19 },
    ],
    ['nothing of a lane before the last', contained({ a: 10, c: 30 }), { lane: 'a', seq: 10 }],
    ['what of a lane is older than its time', contained({ a: 0, b: 3 }), { lane: 'b', seq: 3 }],
    ['what of a lane is partly older', contained({ a: 10, b: 0, c: 3 }), { lane: 'a', seq: 10 }],
    ['what is older than a time', contained({ c: 5 }, { sinceMs: 200 }), { lane: 'c', seq: 5 }],
    [
      'what is partly older than a time',
      contained({ c: 5 }, { sinceMs: 199 }),
      { lane: 'a', seq: 10 },
    ],
    [
      'what is too old to be told',
      contained({ c: 5 }, { latestMs: 201 + 90 * DAY_MS }),
      { lane: 'c', seq: 5 },
    ],
    ['nothing', contained({}), undefined],
  ])('goes up to where everything is: %s', (_what, what, last) => {
    const found = lastContained(ends, what);
    expect(found && { lane: found.lane, seq: found.seq }).toEqual(last);
  });

  test('is lacking in the lanes that it does not reach the end of', () => {
    expect(lackingOf(ends, contained({ a: 10, b: 19 }))).toEqual([ends[1], ends[2]]);
    expect(lackingOf(ends, contained({ a: 10, b: 20, c: 31 }))).toEqual([]);
  });

  test('is nothing to wait for in a log without records', () => {
    expect(lackingOf([], contained({}))).toEqual([]);
    expect(lastContained([], contained({}))).toBeUndefined();
  });
});

describe('what another process says', () => {
  const one = end('a', 1, 10);

  test('of lanes is read with nothing more than is asked for', () => {
    expect(parseLaneEnds([{ ...one, more: 1 }, end('b', 2, 20)])).toEqual([one, end('b', 2, 20)]);
  });

  test.each([undefined, null, {}, [null], [{ ...one, lane: 1 }], [one, { ...one, seq: '10' }]])(
    'of lanes is nothing when it is %j',
    (value) => expect(parseLaneEnds(value)).toBeUndefined(),
  );

  test('of what is contained is read by lane', () => {
    const lanes = [{ lane: 'a', seq: 10, receivedAt: 150 }];
    expect(parseContained({ sinceMs: 5, latestMs: null, lanes })).toEqual(
      contained({ a: 10 }, { sinceMs: 5 }),
    );
  });

  test.each([
    undefined,
    { sinceMs: null, latestMs: null },
    { latestMs: null, lanes: [] },
    { sinceMs: '5', latestMs: null, lanes: [] },
    { sinceMs: null, latestMs: null, lanes: [{ lane: 'a', seq: 10 }] },
  ])('of what is contained is nothing when it is %j', (value) => {
    expect(parseContained(value)).toBeUndefined();
  });
});
