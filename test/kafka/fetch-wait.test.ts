import { describe, expect, test } from 'vitest';
import { fetchWaitMs, LIVELY_WAIT_MS } from '../../src/kafka/fetch-wait.ts';

const IDLE = { silentMs: 60_000, msMax: 5_000, requestTimeoutMs: 10_000, restMs: 30_000 };

describe('a fetch to which the broker has nothing to answer', () => {
  test('waits as long as is of use where nothing has come for a while', () => {
    expect(fetchWaitMs(IDLE)).toBe(5_000);
  });

  test('waits for the next tick of a proxy, and little longer, where one has just written', () => {
    expect(fetchWaitMs({ ...IDLE, silentMs: 1_000 })).toBe(LIVELY_WAIT_MS);
    expect(LIVELY_WAIT_MS).toBeGreaterThan(1_000);
    // A lane is given up after ten seconds: until then it is asked in short waits.
    expect(fetchWaitMs({ ...IDLE, silentMs: 10_000 })).toBe(LIVELY_WAIT_MS);
    expect(fetchWaitMs({ ...IDLE, silentMs: 1_000, msMax: 500 })).toBe(500);
  });

  test('is answered long before the connection would be given up', () => {
    expect(fetchWaitMs({ ...IDLE, requestTimeoutMs: 3_000 })).toBe(1_500);
    expect(fetchWaitMs({ ...IDLE, silentMs: 0, requestTimeoutMs: 1_000 })).toBe(500);
  });

  test('ends when it is time to ask again who leads what', () => {
    expect(fetchWaitMs({ ...IDLE, restMs: 700.5 })).toBe(700);
    expect(fetchWaitMs({ ...IDLE, restMs: -1 })).toBe(0);
  });
});
