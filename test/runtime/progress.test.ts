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

  test('has no end while what was done is next to nothing of it, for as long as the rate is new', () => {
    const told: ProgressTold[] = [];
    const clock = { now: Date.now, monotonicMs: Date.now, sleep: () => Promise.resolve() };
    let done = 0;
    const progress = new Progress({
      clock,
      report: (event) => told.push(event),
      measure: () => ({ progress: done / 100_000, done }),
    });
    for (let second = 0; second < 20; second += 1) {
      done += 1;
      vi.advanceTimersByTime(1_000);
    }
    expect(told[5]).toMatchObject({ perSecond: 1, etaSeconds: null });
    expect(told.at(-1)).toMatchObject({ perSecond: 1, etaSeconds: 99_980 });
    done = 5;
    vi.advanceTimersByTime(1_000);
    expect(told.at(-1)).toMatchObject({ perSecond: 0, etaSeconds: null });
    progress.end();
  });
});
