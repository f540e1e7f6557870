import { describe, expect, test } from 'vitest';
import { describeSeen, hasCaughtUp } from '../../../src/standby/process/standby-report.ts';
import type { SeenLane } from '../../../src/standby/source/seen-lanes.ts';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

const tell = (lanes: Readonly<Record<string, SeenLane>>, sentToMs: number): unknown =>
  describeSeen({ sentToMs, seen: { isComplete: true, lanes: new Map(Object.entries(lanes)) } });

describe('what a standby tells of the lanes that it has met', () => {
  test('is when they wrote last, and whether they have ended', () => {
    const lanes = {
      a: { receivedAt: NOW_MS, wroteAt: NOW_MS - 5, endedAt: undefined },
      b: { receivedAt: NOW_MS, wroteAt: undefined, endedAt: NOW_MS },
      c: { receivedAt: NOW_MS, wroteAt: undefined, endedAt: NOW_MS - 1 },
    };
    const receivedAt = '2023-11-14T22:13:20.000Z';
    expect(tell(lanes, NOW_MS)).toEqual({
      complete: true,
      lanes: [
        { lane: 'a', receivedAt, wroteAt: '2023-11-14T22:13:19.995Z', ended: false },
        { lane: 'b', receivedAt, wroteAt: null, ended: true },
        { lane: 'c', receivedAt, wroteAt: null, ended: false },
      ],
    });
  });

  test('leaves out those that ended long ago, but for what the target may lack of them', () => {
    const old = { receivedAt: NOW_MS - HOUR_MS, wroteAt: NOW_MS - HOUR_MS, endedAt: undefined };
    const lanes = { old, now: { ...old, receivedAt: NOW_MS } };
    expect(tell(lanes, NOW_MS)).toMatchObject({ lanes: [{ lane: 'now' }] });
    expect(tell(lanes, NOW_MS - 2 * HOUR_MS)).toMatchObject({
      lanes: [{ lane: 'old' }, { lane: 'now' }],
    });
    expect(tell({}, NOW_MS)).toEqual({ complete: true, lanes: [] });
  });
});

describe('a standby', () => {
  const standby = {
    state: { kind: 'live' },
    trouble: undefined,
    promotion: { kind: 'none' },
    lag: { records: 7, seconds: 100 },
  } as const;
  const gate = { isPaused: false, delayMs: 40_000 };

  test('has caught up while it is a minute behind at most, its delay aside', () => {
    expect(hasCaughtUp(standby, gate)).toBe(true);
    expect(hasCaughtUp(standby, { ...gate, delayMs: 39_000 })).toBe(false);
  });

  test.each([
    ['it is paused', standby, { ...gate, isPaused: true }],
    ['it was promoted', { ...standby, promotion: { kind: 'promoted', sinceMs: 1 } }, gate],
    ['its source cannot be read', { ...standby, trouble: 'gone' }, gate],
    ['its target is down', { ...standby, state: { kind: 'down', reason: 'gone' } }, gate],
    ['its target is behind', { ...standby, state: { kind: 'behind', reason: 'late' } }, gate],
  ] as const)('has not caught up while %s', (_what, given, through) => {
    expect(hasCaughtUp(given, through)).toBe(false);
  });
});
