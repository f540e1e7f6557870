import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetRuns } from '../../src/kafka/offset-runs.ts';

test('a set of offsets finds the first that it does not hold', () => {
  const offset = fc.integer({ min: 0, max: 30 });
  fc.assert(
    fc.property(fc.array(offset), offset, (added, from) => {
      const runs = new OffsetRuns();
      for (const one of added) runs.add(one);
      let first = from;
      while (added.includes(first)) first += 1;
      expect(runs.firstLacking(from)).toBe(first);
    }),
  );
});

test('of very many runs it forgets the oldest, and claims nothing that was not added', () => {
  const runs = new OffsetRuns();
  for (let offset = 0; offset < 6_000; offset += 2) runs.add(offset);
  expect(runs.firstLacking(5_998)).toBe(5_999);
  expect(runs.firstLacking(0)).toBe(0);
});
