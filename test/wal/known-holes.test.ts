import { expect, test } from 'vitest';
import { KnownHoles } from '../../src/wal/known-holes.ts';
import type { Logger } from '../../src/runtime/logger.ts';

const lost = (lane: string, from: number, to: number) => ({ lane, from, to, reason: 'gone' });

test('each missing record is counted once, however the holes overlap in which it is met', () => {
  const counted: number[] = [];
  const told: unknown[] = [];
  const logger = { error: (fields: unknown) => told.push(fields) } as unknown as Logger;
  const holes = new KnownHoles({ logger, count: (records) => counted.push(records) });
  const note = (lane: string, from: number, to: number): void =>
    holes.note(lost(lane, from, to), 'told');
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

test('one that is filled is listed no longer, and told when it is met again', () => {
  const told: unknown[] = [];
  const logger = { error: (fields: unknown) => told.push(fields) } as unknown as Logger;
  const holes = new KnownHoles({ logger, count: () => undefined });
  for (const hole of [lost('a', 3, 5), lost('a', 9, 9), lost('b', 3, 5)]) holes.note(hole, 'told');
  holes.keep([lost('a', 5, 5), lost('b', 6, 9)]);
  expect(holes.list).toEqual([lost('a', 3, 5)]);
  for (const hole of [lost('a', 3, 5), lost('a', 9, 9)]) holes.note(hole, 'told');
  expect(holes.list).toEqual([lost('a', 3, 5), lost('a', 9, 9)]);
  expect(told).toHaveLength(4);
});
