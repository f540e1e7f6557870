import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planWindows } from '../../src/archive/search/search-windows.ts';
import { spans } from './plain-search.ts';

test('windows of a search lie end to end, and each ends with a segment that makes it full', () => {
  const segments = fc.array(
    fc.record({ toMs: fc.integer({ min: 0, max: 100 }), rows: fc.integer({ min: 0, max: 9 }) }),
  );
  fc.assert(
    fc.property(
      segments,
      spans(0, 110),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 9 }),
      (some, received, rowsMax, filesMax) => {
        const windows = planWindows(some, received, { rowsMax, filesMax });
        expect(windows[0]?.from).toBe(received.from);
        expect(windows.at(-1)?.to).toBe(received.to);
        for (const [index, { from, to }] of windows.entries()) {
          expect(to).toBeGreaterThan(from);
          expect(windows[index + 1]?.from ?? to).toBe(to);
          const ending = some.filter(({ toMs }) => toMs >= from && toMs < to - 1);
          expect(ending.length).toBeLessThan(filesMax);
          expect(ending.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(rowsMax);
        }
      },
    ),
  );
});
