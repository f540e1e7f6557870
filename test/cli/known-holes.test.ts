import { expect, test } from 'vitest';
import { KnownHoles } from '../../src/cli/known-holes.ts';
import type { Logger } from '../../src/runtime/logger.ts';

test('each missing record is counted once, however the holes overlap in which it is met', () => {
  const counted: number[] = [];
  const told: unknown[] = [];
  const logger = { error: (fields: unknown) => told.push(fields) } as unknown as Logger;
  const holes = new KnownHoles({ logger, count: (records) => counted.push(records) });
  const note = (lane: string, from: number, to: number): void =>
    holes.note({ lane, from, to, reason: 'gone' }, 'told');
  note('a', 500, 1_000);
  note('a', 301, 1_000);
  // Two that are known hold it together.
  note('a', 1_001, 1_010);
  note('a', 900, 1_005);
  note('b', 500, 1_000);
  expect(counted).toEqual([501, 199, 10, 501]);
  expect(told).toHaveLength(4);
  expect(holes.list).toEqual(told);
});
