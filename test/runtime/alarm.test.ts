import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { withAlarm } from '../../src/runtime/alarm.ts';
import { ManualClock } from '../kit/wal-clock.ts';

const onLate = (): void => expect.unreachable('it rang');

describe('an alarm', () => {
  test('rings once when the work takes too long, and the work goes on', async () => {
    const clock = new ManualClock();
    let rings = 0;
    const work = new EventEmitter();
    const done = withAlarm(once(work, 'done'), { clock, ms: 10, onLate: () => (rings += 1) });
    clock.pass(9);
    await Promise.resolve();
    expect(rings).toBe(0);
    clock.pass(1);
    clock.pass(100);
    work.emit('done', 7);
    expect(await done).toEqual([7]);
    expect(rings).toBe(1);
  });

  test('stays silent when the work is done, or has failed, in time', async () => {
    const clock = new ManualClock();
    expect(await withAlarm(Promise.resolve(7), { clock, ms: 10, onLate })).toBe(7);
    const failure = withAlarm(Promise.reject(new Error('broken')), { clock, ms: 10, onLate });
    await expect(failure).rejects.toThrow('broken');
    clock.pass(100);
  });
});
