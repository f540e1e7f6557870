import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLaterWrite, orderOfOthers, receivedAtOf } from '../../src/follow/others/write-order.ts';

const NOW = 1_795_000_000_000;

const write = fc.record({
  lane: fc.constantFrom('a', 'c'),
  seq: fc.integer({ min: 1, max: 5_000 }),
  receivedAt: fc.integer({ min: NOW, max: NOW + 3 }),
});

describe('the order of writes of others', () => {
  test('is by receive time, lane and sequence, of another lane as of the own one', () => {
    fc.assert(
      fc.property(write, write, fc.integer({ min: -250, max: 250 }), (one, two, apart) => {
        const other = { ...two, seq: Math.max(1, one.seq + apart) };
        const order = orderOfOthers(one, 'b');
        const before = orderOfOthers(other, 'b');
        const byTime = one.receivedAt - other.receivedAt;
        const byLane = Number(one.lane > other.lane) - Number(one.lane < other.lane);
        expect(isLaterWrite(order, before)).toBe((byTime || byLane || one.seq - other.seq) > 0);
        expect(isLaterWrite(order, two.receivedAt)).toBe(
          one.receivedAt === two.receivedAt ? one.lane > 'b' : one.receivedAt > two.receivedAt,
        );
        expect(receivedAtOf(order)).toBe(one.receivedAt);
      }),
    );
  });

  test('is none within one write', () => {
    const order = orderOfOthers({ lane: 'a', seq: 7, receivedAt: NOW }, 'b');
    expect(isLaterWrite(order, order)).toBe(false);
  });
});
