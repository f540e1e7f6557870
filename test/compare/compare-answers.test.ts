import { describe, expect, test } from 'vitest';
import { compareAnswers } from '../../src/compare/compare-answers.ts';
import type { QueriedSeries } from '../../src/opentsdb/query-answer.ts';

const HOUR_MS = 3_600_000;
const BASE_MS = 1_780_000_000_000 - (1_780_000_000_000 % HOUR_MS);
const SPAN = { metric: 'm', fromMs: BASE_MS, toMs: BASE_MS + 2 * HOUR_MS - 1 };

/** What two OpenTSDBs show at one instant, and what both show after it. */
const PAIRS = [
  ['5', '5', '6', 'equal'],
  ['5', '6', '7', 'different'],
  ['9007199254740993', '9007199254740993', '1', 'equal'],
  ['9007199254740993', '9007199254740992', '1', 'different'],
  ['-9223372036854775808', '-9223372036854775807', '1', 'different'],
  ['1.5', '1.5', '1.5', 'equal'],
  ['1.5', '1.50', '1.5', 'equal'],
  ['0.1', '0.10000000149011612', '1.5', 'different'],
  ['0.0', '-0.0', '1.5', 'different'],
  ['NaN', 'NaN', '1.5', 'equal'],
  // A float is not followed by one: what it shows is what it is.
  ['5', '5.0', '6', 'form'],
  ['5.0', '5', '6', 'form'],
  ['5', '6.0', '6', 'different'],
  ['9007199254740993', '9.007199254740992E15', '6', 'different'],
  ['9007199254740992', '9.007199254740992E15', '6', 'form'],
  // A float that one follows may be an integer.
  ['5', '5.0', '1.5', 'inexact'],
  ['5.0', '5', '1.5', 'inexact'],
  ['5', '6.0', '1.5', 'different'],
  ['9007199254740993', '9.007199254740992E15', '1.5', 'inexact'],
  ['9.007199254740992E15', '9.007199254740992E15', '1.5', 'inexact'],
  ['9.007199254740992E15', '9.007199254740992E15', '2', 'equal'],
  ['5.0', '5.0', '1.5', 'equal'],
] as const;

describe('two answers', () => {
  test.each(PAIRS)('%s and %s before %s are %s', (a, b, next, result) => {
    const compared = compareAnswers(
      SPAN,
      { source: [series({ 0: a, 1: next })], target: [series({ 0: b, 1: next })] },
      true,
    );
    const known = compared.equal + compared.inexact;
    expect(known + compared.differences.length).toBe(2);
    expect(compared.inexact).toBe(result === 'inexact' ? 1 : 0);
    const kinds = compared.differences.map(({ kind, points }) => [kind, points[0]?.instantMs]);
    const isDifference = result === 'different' || result === 'form';
    expect(kinds).toEqual(isDifference ? [[result, BASE_MS]] : []);
  });

  test('are told by series, hour and kind, and only within the span', () => {
    const source = [series({ 0: '1', 10: '2', 4_000: '3', 8_000: '9' }), series({ 5: '1' }, 'b')];
    const target = [series({ 0: '1', 20: '2', 4_000: '4' })];
    const { differences, equal } = compareAnswers(SPAN, { source, target }, false);
    expect(equal).toBe(1);
    const told = differences.map(({ kind, tags, hourMs, points }) => {
      const hour = (hourMs - BASE_MS) / HOUR_MS;
      return [kind, tags?.['h'], hour, points.map(({ source: a, target: b }) => `${a} ${b}`)];
    });
    expect(told).toEqual([
      ['missing', 'a', 0, ['2 null']],
      ['extra', 'a', 0, ['null 2']],
      ['different', 'a', 1, ['3 4']],
      ['missing', 'b', 0, ['1 null']],
    ]);
  });

  test('leave it open what the last point of a series is, until it is known that nothing follows', () => {
    const answers = { source: [series({ 0: '5' })], target: [series({ 0: '5.0' })] };
    expect(compareAnswers(SPAN, answers, false)).toMatchObject({ undecided: 1, differences: [] });
    expect(compareAnswers(SPAN, answers, true)).toMatchObject({
      undecided: 0,
      differences: [{ kind: 'form' }],
    });
  });

  test.each([
    ['9007199254740993', '1', true],
    ['9.007199254740992E15', '1.5', false],
    ['9.007199254740992E15', '1', true],
    ['5.0', '1.5', true],
  ] as const)('tell that %s before %s is shown exactly: %s', (value, next, isExact) => {
    const source = [series({ 0: value, 1: next })];
    const { differences } = compareAnswers(SPAN, { source, target: [] }, true);
    expect(differences[0]?.points[0]?.isShownExactly).toBe(isExact);
  });

  test('show one instant twice: that equals nothing', () => {
    const twice: QueriedSeries = {
      ...series({ 0: '5' }),
      cells: [...cell(0, '5'), ...cell(0, '6')],
    };
    const { differences } = compareAnswers(
      SPAN,
      { source: [series({ 0: '5' })], target: [twice] },
      true,
    );
    expect(differences).toMatchObject([{ kind: 'different', points: [{ target: '5 and 6' }] }]);
  });
});

/** Values by second. */
function series(values: Readonly<Record<number, string>>, h = 'a'): QueriedSeries {
  const cells = Object.entries(values).flatMap(([second, text]) => cell(Number(second), text));
  return { metric: 'm', tags: { h }, cells };
}

function cell(second: number, text: string): (readonly [string, string])[] {
  return [[String(BASE_MS + second * 1_000), text]];
}
