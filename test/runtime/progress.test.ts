import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Progress, type ProgressTold } from '../../src/runtime/progress.ts';

describe('progress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is told once a second, with a rate that leaves out how long it took to begin', () => {
    const told: ProgressTold[] = [];
    const clock = { now: Date.now, monotonicMs: Date.now, sleep: () => Promise.resolve() };
    let done = 0;
    const progress = new Progress({
      clock,
      report: (event) => told.push(event),
      measure: () => ({ progress: done / 1_000, done }),
    });
    vi.advanceTimersByTime(10_000);
    expect(told.at(-1)).toMatchObject({ done: 0, perSecond: 0, etaSeconds: null });
    for (let second = 0; second < 5; second += 1) {
      done += 100;
      vi.advanceTimersByTime(1_000);
    }
    expect(told.at(-1)).toMatchObject({ progress: 0.5, perSecond: 100, etaSeconds: 5 });
    done = 1_000;
    progress.end();
    expect(told.at(-1)).toMatchObject({ progress: 1, etaSeconds: 0 });
    expect(told).toHaveLength(16);
  });
});
