import { expect, test } from 'vitest';
import type { Applier } from '../../src/follow/applier.ts';
import { Canary } from '../../src/follow/canary.ts';
import type { RefusedPoint } from '../../src/follow/delivery-options.ts';
import { RecentWrites } from '../../src/follow/recent-writes.ts';
import { Repeats } from '../../src/follow/repeats.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const LIMITS = { points: 100, bytes: 65_536 };

test('what is refused for good is told of when it is of this lane, not when it is of others', async () => {
  const told: string[] = [];
  const canary = new Canary();
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: {
      apply: () => Promise.resolve({ kind: 'failed', reason: 'reset', fault: 'contact' }),
      answers: () => Promise.resolve(true),
    } as unknown as Applier,
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: {
      rejected: async (points) => void told.push(...points.map(({ line }) => line)),
      mended: () => undefined,
      gaveWay: () => undefined,
    },
    flushSpanMs: () => 0,
  });
  const position = { lane: 'a', ordinal: 1, seq: 1 };
  const point = (metric: string, high: number, isOfOthers: boolean): RefusedPoint => ({
    position,
    receivedAt: 0,
    index: 0,
    telnet: false,
    low: 0,
    error: 'reset',
    isOfOthers,
    line: `put ${metric} 1700000000 1 h=x`,
    high,
  });
  repeats.setAside(point('own', 1, false), 0);
  repeats.setAside(point('others', 2, true), 0);
  // What was sent besides them was taken.
  canary.note();
  for (let nowMs = 0; nowMs < 300_000; nowMs += 10_000) await repeats.run(nowMs, LIMITS);
  expect(repeats.suspects.size).toBe(0);
  expect(told).toEqual(['put own 1700000000 1 h=x']);
});

test('where nothing could be sent nothing counts as handled', async () => {
  const canary = new Canary();
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: { isQuiet: () => Promise.resolve(false) } as unknown as Applier,
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: {
      rejected: () => Promise.resolve(),
      mended: () => undefined,
      gaveWay: () => undefined,
    },
    flushSpanMs: () => 0,
  });
  repeats.mends.add({
    position: { lane: 'a', ordinal: 1, seq: 1 },
    receivedAt: 0,
    index: 0,
    telnet: false,
    low: 0,
    high: 1,
    line: 'put a 1700000000 1 h=x',
    dueMs: 0,
    handled: 0,
  });
  expect(await repeats.run(100, LIMITS)).toEqual({ kind: 'done' });
  expect(repeats.mends.size).toBe(1);
  expect(canary.handled).toBe(0);
});
