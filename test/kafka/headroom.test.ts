import { describe, expect, test } from 'vitest';
import { headroomMs } from '../../src/kafka/headroom.ts';

const NOW = 1_780_000_000_000;
const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;
const MiB = 1_048_576;

const waiting = {
  partition: 0,
  offset: 100,
  low: 40,
  high: 200,
  oldestMs: NOW - HOUR,
  messageBytes: MiB,
};

describe('the headroom of a partition', () => {
  test('is what is left of the retention for the oldest message that is not archived', () => {
    const kept = { ms: WEEK, bytes: Infinity };
    expect(headroomMs(waiting, kept, NOW)).toBe(WEEK - HOUR);
    expect(headroomMs(waiting, { ...kept, ms: HOUR / 2 }, NOW)).toBe(0);
    expect(headroomMs(waiting, { ms: Infinity, bytes: Infinity }, NOW)).toBe(Infinity);
  });

  test('is all of the retention where all is archived, and nothing where something was dropped', () => {
    const kept = { ms: WEEK, bytes: Infinity };
    const nothing = { ...waiting, offset: 200, oldestMs: undefined, messageBytes: 0 };
    expect(headroomMs(nothing, kept, NOW)).toBe(WEEK);
    expect(headroomMs({ ...waiting, low: 101 }, kept, NOW)).toBe(0);
  });

  test('counts what waits against a limit in bytes, at the rate at which it came', () => {
    // 100 MiB came in an hour, and there is room for as much again, and half of it.
    expect(headroomMs(waiting, { ms: WEEK, bytes: 250 * MiB }, NOW)).toBe(1.5 * HOUR);
    expect(headroomMs(waiting, { ms: HOUR + 1_000, bytes: 250 * MiB }, NOW)).toBe(1_000);
    expect(headroomMs(waiting, { ms: WEEK, bytes: 50 * MiB }, NOW)).toBe(0);
  });
});
