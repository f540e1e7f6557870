import { describe, expect, test } from 'vitest';
import { formatControl } from '../../src/record/control.ts';
import { firstOfEach, parseFork, Undone } from '../../src/record/fork.ts';
import { forksIn } from '../../src/record/lane-control.ts';
import { frameOf } from '../kit/frames.ts';

const A = 'aaaaaaaaaaaaaaaa';
const FORK = { id: '0123456789abcdef', at: 1_000, undone: [{ lane: A, from: 3, to: 9 }] };

describe('a fork', () => {
  test('is read back from a frame with the receive time of its record', () => {
    const lines = [formatControl({ kind: 'fork', ...FORK })];
    const frame = frameOf(A, 1, [
      { receivedAt: 10, lines: ['put m 1 1 a=!fork'] },
      { receivedAt: 12, lines, transport: 'log' },
    ]);
    expect(forksIn(frame)).toEqual([{ ...FORK, receivedAt: 12 }]);
  });

  test('that no writer writes is an error, where it can be told from other kinds', () => {
    const frame = frameOf(A, 1, [
      { receivedAt: 12, lines: ['!fork {"id":"x","at":1,"undone":[]}'], transport: 'log' },
    ]);
    expect(() => forksIn(frame)).toThrow('no fork');
  });

  test.each([
    ['no id', { ...FORK, id: '1' }],
    ['no time', { ...FORK, at: '1000' }],
    ['a range that ends before it begins', { ...FORK, undone: [{ lane: A, from: 9, to: 3 }] }],
    ['a lane that is none', { ...FORK, undone: [{ lane: 'a b', from: 1, to: 3 }] }],
    ['no ranges', { ...FORK, undone: undefined }],
  ])('has %s: it is none', (_what, value) => {
    expect(parseFork(value)).toBeUndefined();
  });

  test('undoes its ranges, both ends included, and nothing else', () => {
    const undone = new Undone([FORK]);
    expect([2, 3, 9, 10].map((seq) => undone.has(A, seq))).toEqual([false, true, true, false]);
    expect(undone.has('bbbbbbbbbbbbbbbb', 5)).toBe(false);
    expect([undone.knows(FORK), undone.knows({ id: '1' })]).toEqual([true, false]);
  });

  test('that several lanes tell counts from the first of them on', () => {
    const other = { ...FORK, id: 'f'.repeat(16) };
    const said = [
      { ...FORK, receivedAt: 30 },
      { ...other, receivedAt: 20 },
      { ...FORK, receivedAt: 10 },
    ];
    const times = firstOfEach(said).map(({ id, receivedAt }) => [id, receivedAt]);
    expect(times).toEqual([
      [FORK.id, 10],
      [other.id, 20],
    ]);
  });
});
