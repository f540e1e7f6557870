import { expect, test } from 'vitest';
import { Backlog } from '../../../src/archive/process/backlog.ts';
import { ManualClock } from '../../kit/wal-clock.ts';

test('an archiver is behind while it archives what is minutes old, and no more when that has ended', () => {
  const clock = new ManualClock();
  const backlog = new Backlog(clock);
  expect(backlog.isBehind()).toBe(false);
  backlog.archived(clock.wall - 3_600_000);
  expect(backlog.isBehind()).toBe(true);
  clock.pass(10_000);
  expect(backlog.isBehind()).toBe(false);
  backlog.archived(clock.wall - 60_000);
  expect(backlog.isBehind()).toBe(false);
});
