import { describe, expect, test } from 'vitest';
import { describeSeen } from '../../../src/standby/process/standby-report.ts';
import type { SeenLane } from '../../../src/standby/seen-lanes.ts';

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
