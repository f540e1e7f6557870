import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseControl } from '../../src/record/control.ts';
import { ReceiveClock } from '../../src/wal/receive-clock.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { tempDirectory } from '../kit/temp.ts';
import { readLog, TestLog } from '../kit/wal-log.ts';

test('receive times never go back and never run more than 1 % off, however the wall clock drifts', () => {
  const step = fc.record({
    passMs: fc.double({ min: 0.1, max: 3_000, noNaN: true }),
    driftMs: fc.double({ min: -300, max: 300, noNaN: true }),
    adjusts: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const time = new ReceiveClock(clock);
      let before = time.read();
      for (const { passMs, driftMs, adjusts } of steps) {
        clock.pass(passMs);
        clock.wall += driftMs;
        const now = time.read();
        expect(now).toBeGreaterThanOrEqual(before);
        expect(Math.abs(now - before - passMs)).toBeLessThanOrEqual(passMs * 0.01 + 1);
        expect(Number.isInteger(now)).toBe(true);
        before = now;
        if (adjusts) time.adjust();
      }
    }),
  );
});

test('a small difference is worn off in the end', () => {
  const clock = new ManualClock();
  const time = new ReceiveClock(clock);
  clock.wall += 200;
  for (let second = 0; second < 60; second += 1) {
    expect(time.adjust()).toBeUndefined();
    clock.pass(1_000);
  }
  expect(Math.abs(time.read() - clock.wall)).toBeLessThanOrEqual(2);
});

test('adjusting many times costs no time', () => {
  const clock = new ManualClock();
  const time = new ReceiveClock(clock);
  for (let n = 0; n < 100_000; n += 1) {
    clock.pass(0.3);
    time.adjust();
  }
  expect(Math.abs(time.read() - clock.wall)).toBeLessThanOrEqual(1);
});

test.each([5_000, -5_000])(
  'a leap of %i ms ends the lane and opens the next, which tells the disputed interval',
  async (leap) => {
    await using folder = await tempDirectory('leap');
    const clock = new ManualClock();
    const log = await TestLog.open(folder.path, { clock });
    await log.write(['put a 1 1 a=b']);
    clock.pass(10);
    const reached = clock.wall;
    clock.wall += leap;
    const pending = log.append(['put a 2 1 a=b']);
    await log.wal.maintain(undefined);
    expect(log.opened).toEqual(['start', 'clock leap']);
    expect(log.lost).toEqual([]);
    const after = await log.write(['put a 3 1 a=b']);
    expect(after?.position.ordinal).toBe(2);
    const { entries, holes } = await readLog(log.wal);
    expect(holes).toEqual([]);
    const open = parseControl(entries.find((e) => e.position.ordinal === 2)?.lines[0] ?? '');
    expect(open).toMatchObject({
      reason: 'clock leap',
      previous: { lane: pending?.lane, lastSeq: pending?.seq },
      disputed: { from: reached, to: reached + leap },
    });
    expect(log.wal.now()).toBe(clock.wall);
    await log.wal.maintain(undefined);
    expect(log.opened).toHaveLength(2);
    await log.wal.close();
  },
);

test.each([
  [-400, 'goes on after the last record', undefined],
  [-60_000, 'tells the disputed interval', { from: 1_700_000_000_010, to: 1_699_999_940_020 }],
])('a start whose clock stands %i ms off %s', async (leap, _what, disputed) => {
  await using folder = await tempDirectory('after');
  const clock = new ManualClock();
  const first = await TestLog.open(folder.path, { clock });
  clock.pass(10);
  await first.write(['put a 1 1 a=b']);
  await first.wal.close();
  const reached = clock.wall;
  clock.pass(10);
  clock.wall += leap;
  const second = await TestLog.open(folder.path, { clock });
  await second.write(['put a 1 2 a=b']);
  const { entries } = await readLog(second.wal);
  const open = parseControl(entries.find((e) => e.position.ordinal === 2)?.lines[0] ?? '');
  expect(open?.kind === 'open' && open.disputed).toEqual(disputed);
  expect(second.wal.now() > reached).toBe(disputed === undefined);
  // After what it stood at, in real time.
  clock.pass(500);
  expect(second.wal.now()).toBe(disputed === undefined ? clock.wall : reached + 10 + leap + 500);
  await second.wal.close();
});
