import { describe, expect, test } from 'vitest';
import { Backoff } from '../../src/runtime/backoff.ts';

const delays = (backoff: Backoff, count: number): readonly number[] =>
  Array.from({ length: count }, () => backoff.nextMs());

describe('backoff', () => {
  test('doubles up to its cap', () => {
    const backoff = new Backoff({ delayMsMin: 100, delayMsMax: 500, random: () => 0.999_999 });
    expect(delays(backoff, 5).map(Math.round)).toEqual([100, 200, 400, 500, 500]);
  });

  test('keeps each delay in the upper half of its range', () => {
    const backoff = new Backoff({ delayMsMin: 100, delayMsMax: 500, random: () => 0 });
    expect(delays(backoff, 4)).toEqual([50, 100, 200, 250]);
  });

  test('starts again from the shortest delay after a reset', () => {
    const backoff = new Backoff({ delayMsMin: 100, delayMsMax: 500, random: () => 0 });
    delays(backoff, 3);
    backoff.reset();
    expect(backoff.nextMs()).toBe(50);
  });
});
