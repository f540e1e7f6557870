import { expect, test } from 'vitest';
import type { Span } from '../../../src/archive/format/object-names.ts';
import { lateLanes, withoutHole } from '../../../src/standby/repository/late-objects.ts';

const span = (firstSeq: number, lastSeq: number, fromMs: number, toMs: number): Span => ({
  firstSeq,
  lastSeq,
  fromMs,
  toMs,
});

/** Since when lane a is late, of which these were there before and are there now. */
function lateSince(before: readonly Span[], now: readonly Span[], sinceMs: number) {
  const readToMs = 999;
  return lateLanes(new Map([['a', before]]), new Map([['a', now]]), { sinceMs, readToMs }).get('a');
}

const WHOLE = [span(1, 40, 0, 400)];

test.each([
  ['after the moment that was begun with', [span(1, 20, 0, 200), span(31, 40, 300, 400)], 100, 200],
  ['across it', [span(1, 5, 0, 50), span(11, 40, 110, 400)], 100, 101],
  ['wholly before it', [span(1, 4, 0, 40), span(9, 40, 90, 400)], 100, undefined],
  [
    'before it, and another one after it',
    [span(1, 4, 0, 40), span(9, 20, 90, 200), span(31, 40, 300, 400)],
    100,
    200,
  ],
])(
  'a hole that is filled %s is given as far as it is after it',
  (_where, before, sinceMs, late) => {
    expect(lateSince(before, WHOLE, sinceMs)).toBe(late);
  },
);

test('a lane that was not known is late from the moment that was begun with, and one that only goes on is not', () => {
  expect(lateSince([], WHOLE, 100)).toBe(101);
  expect(lateSince([span(1, 100, 0, 1_000)], [span(1, 120, 0, 1_200)], 100)).toBeUndefined();
});

test.each([
  ['within what is there', 11, 20, [span(1, 10, 0, 100), span(21, 40, 200, 400)]],
  ['at its beginning', 1, 20, [span(21, 40, 200, 400)]],
  ['at its end', 31, 40, [span(1, 30, 0, 100)]],
  ['of all of it', 1, 40, []],
  ['after it', 41, 50, WHOLE],
])('a hole %s that turns out is not covered', (_where, firstSeq, lastSeq, left) => {
  const hole = { lane: 'a', firstSeq, lastSeq, fromMs: 100, toMs: 200, reason: 'damaged' };
  const covered = withoutHole(new Map([['a', WHOLE]]), hole);
  expect(covered.get('a')).toEqual(left);
});
