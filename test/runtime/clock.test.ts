import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';

describe('the system clock', () => {
  test('sleeps at least as long as asked', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(20, new AbortController().signal);
    expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(19);
  });

  test('wakes at once, without an error, when the signal aborts', async () => {
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort();
    await expect(sleep).resolves.toBeUndefined();
  });

  test('does not fall asleep under an aborted signal', async () => {
    await expect(systemClock.sleep(60_000, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
