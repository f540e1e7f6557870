import { describe, expect, test } from 'vitest';
import { formatControl } from '../../src/record/control.ts';
import { endedBy, isClosed, openOf } from '../../src/record/lane-control.ts';
import { frameOf } from '../kit/frames.ts';

const previous = { lane: 'a', lastSeq: 9 };
const open = { kind: 'open', version: '0', previous, reason: 'start', holes: [] } as const;
const opened = { receivedAt: 1, lines: [formatControl(open)], transport: 'log' };
const closed = { receivedAt: 3, lines: [formatControl({ kind: 'close' })], transport: 'log' };
const put = { receivedAt: 2, lines: ['put m 1 1 a=b', 'put m 2 !close a=b'] };

describe('what a frame tells of lanes', () => {
  test('the lane that it opens, from its first record', () => {
    expect(openOf(frameOf('b', 1, [opened, put]).body)).toEqual(open);
    expect(openOf(frameOf('b', 2, [put, closed]).body)).toBeUndefined();
  });

  test('that its lane ends with it', () => {
    expect(isClosed(frameOf('b', 2, [put, closed]).body)).toBe(true);
    expect(isClosed(frameOf('b', 2, [closed]).body)).toBe(true);
    expect(isClosed(frameOf('b', 1, [opened, put]).body)).toBe(false);
    expect(isClosed(frameOf('b', 1, [opened]).body)).toBe(false);
  });

  test('which lanes have ended, and where', () => {
    const own = { lane: 'b', lastSeq: 3 };
    expect(endedBy(frameOf('b', 1, [opened, put, closed]))).toEqual([previous, own]);
    expect(endedBy(frameOf('b', 2, [put, closed]))).toEqual([own]);
    expect(endedBy(frameOf('b', 2, [put]))).toEqual([]);
    const first = { ...opened, lines: [formatControl({ ...open, previous: null })] };
    expect(endedBy(frameOf('b', 1, [first, put]))).toEqual([]);
  });
});
