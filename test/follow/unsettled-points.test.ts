import { expect, test } from 'vitest';
import { UnsettledPoints } from '../../src/follow/rewrites/unsettled-points.ts';
import type { Logger } from '../../src/runtime/logger.ts';

test('points that may show an older value are all counted, and told once a minute at most', () => {
  let nowMs = 0;
  let counted = 0;
  const told: unknown[] = [];
  const unsettled = new UnsettledPoints({
    logger: { warn: (fields: unknown) => told.push(fields) } as unknown as Logger,
    clock: { monotonicMs: () => nowMs },
    count: (points) => (counted += points),
  });
  for (; nowMs < 150_000; nowMs += 10_000) unsettled.note(2);
  expect(counted).toBe(30);
  expect(told).toEqual([{ points: 2 }, { points: 12 }, { points: 12 }]);
});
