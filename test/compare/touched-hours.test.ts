import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HourDifference } from '../../src/compare/difference.ts';
import { HOUR_MS } from '../../src/opentsdb/row-hour.ts';
import { TouchedHours } from '../../src/compare/touched-hours.ts';

const BOUNDS = { fromMs: 0, toMs: 10_000 * HOUR_MS };

describe('hours in which something differs', () => {
  test('are one stretch when one between them comes last', () => {
    expect(stretchesOf([0, 40])).toEqual([
      [40, 40],
      [0, 0],
    ]);
    expect(stretchesOf([0, 40, 20, 0])).toEqual([[0, 40]]);
  });

  test('lie each in one stretch, in whatever order they come, and no two of these are near to each other', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 1, maxLength: 30 }), (hours) => {
        const stretches = stretchesOf(hours);
        for (const hour of hours) {
          expect(stretches.filter(([from, to]) => from <= hour && hour <= to)).toHaveLength(1);
        }
        for (const [from, to] of stretches) {
          expect(hours).toContain(from);
          expect(hours).toContain(to);
        }
        for (const [index, [from]] of stretches.entries()) {
          const [, olderTo] = stretches[index + 1] ?? [0, -Infinity];
          expect(from - olderTo).toBeGreaterThan(24);
        }
      }),
    );
  });
});

/** First and last hour of each, from the latest to the oldest. */
function stretchesOf(hours: readonly number[]): (readonly [number, number])[] {
  const touched = new TouchedHours();
  for (const hour of hours) touched.add([difference(hour * HOUR_MS)]);
  const [spans = []] = touched.byMetric(BOUNDS);
  return spans.map(({ fromMs, toMs }) => [fromMs / HOUR_MS, (toMs + 1) / HOUR_MS - 1]);
}

function difference(hourMs: number): HourDifference {
  return { kind: 'missing', side: null, metric: 'm', tags: {}, hourMs, points: [], reason: null };
}
