import { expect, test } from 'vitest';
import type { Span } from '../../src/archive/object-names.ts';
import { lateLanes } from '../../src/standby/late-objects.ts';

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
  [
    'behind the moment that was begun with',
    [span(1, 20, 0, 200), span(31, 40, 300, 400)],
    100,
    200,
  ],
  ['across it', [span(1, 5, 0, 50), span(11, 40, 110, 400)], 100, 101],
  ['wholly before it', [span(1, 4, 0, 40), span(9, 40, 90, 400)], 100, undefined],
  [
    'before it, and another one behind it',
    [span(1, 4, 0, 40), span(9, 20, 90, 200), span(31, 40, 300, 400)],
    100,
    200,
  ],
])(
  'a hole that is filled %s is given as far as it is behind it',
  (_where, before, sinceMs, late) => {
    expect(lateSince(before, WHOLE, sinceMs)).toBe(late);
  },
);

test('a lane that was not known is late from the moment that was begun with, and one that only goes on is not', () => {
  expect(lateSince([], WHOLE, 100)).toBe(101);
  expect(lateSince([span(1, 100, 0, 1_000)], [span(1, 120, 0, 1_200)], 100)).toBeUndefined();
});
