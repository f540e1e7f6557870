import { describe, expect, test } from 'vitest';
import { LagIndex } from '../../src/wal/lag.ts';

const at = (seq: number) => ({ lane: 'a', ordinal: 1, seq });

describe('the lag', () => {
  test('is nothing at the end, and all before the start', () => {
    const lag = new LagIndex();
    expect(lag.behind(undefined, 5_000)).toEqual({ seconds: 0, bytes: 0 });
    lag.note(at(1), 1_000, 10);
    lag.note(at(2), 1_200, 20);
    expect(lag.behind(at(2), 9_000)).toEqual({ seconds: 0, bytes: 0 });
    expect(lag.behind(undefined, 3_000)).toEqual({ seconds: 2, bytes: 30 });
    expect(lag.behind(at(1), 2_200)).toEqual({ seconds: 1, bytes: 20 });
  });

  test('is known to a second or so, also after what was passed is forgotten', () => {
    const lag = new LagIndex();
    for (let seq = 1; seq <= 1_000; seq += 1) lag.note(at(seq), seq * 100, 50);
    for (const passed of [10, 500, 995]) {
      lag.forget(at(passed));
      const { seconds, bytes } = lag.behind(at(passed), 100_000);
      expect(Math.abs(seconds - (100 - passed / 10))).toBeLessThanOrEqual(1.1);
      expect(Math.abs(bytes - (1_000 - passed) * 50)).toBeLessThanOrEqual(550);
    }
  });
});
