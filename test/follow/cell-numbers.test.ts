import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CellNumbers } from '../../src/follow/rewrites/cell-numbers.ts';

/** Far apart in value, near each other in the table. */
const high = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 3 }));

describe('cell numbers', () => {
  test('are each of one cell for as long as it is known, whatever comes and goes', () => {
    const step = fc.record({ isLeaving: fc.boolean(), high, low: fc.integer({ min: 0, max: 1 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 200 }), (steps) => {
        const numbers = new CellNumbers();
        const known = new Map<string, readonly [number, number, number]>();
        for (const {
          isLeaving,
          high: [near, far],
          low,
        } of steps) {
          const cell = [near + far * 65_536, low * 2 ** 20 + far] as const;
          const name = `${cell[0]}/${low}`;
          const number = known.get(name)?.[2];
          expect(numbers.find(...cell)).toBe(number ?? -1);
          const entered = isLeaving ? number : numbers.enter(...cell);
          expect(entered).toBe(number ?? entered);
          if (entered === undefined) continue;
          if (isLeaving) numbers.leave(entered);
          if (isLeaving) known.delete(name);
          else known.set(name, [...cell, entered]);
        }
        expect(numbers.count).toBe(known.size);
        for (const [one, two, number] of known.values())
          expect(numbers.find(one, two)).toBe(number);
        expect(new Set([...known.values()].map(([, , number]) => number)).size).toBe(known.size);
      }),
    );
  });

  test('stay what they were when there are many more', () => {
    const numbers = new CellNumbers();
    const given = Array.from({ length: 5_000 }, (_, at) => numbers.enter(at * 7_919, 0));
    expect(given.every((number, at) => numbers.find(at * 7_919, 0) === number)).toBe(true);
    expect(new Set(given).size).toBe(5_000);
    expect(numbers.capacity).toBe(8_192);
    for (const number of given) numbers.leave(number);
    expect(numbers.count).toBe(0);
    expect(given.every((_, at) => numbers.find(at * 7_919, 0) === -1)).toBe(true);
  });
});
