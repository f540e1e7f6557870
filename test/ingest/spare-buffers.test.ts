import { expect, test } from 'vitest';
import { SpareBuffers } from '../../src/ingest/spare-buffers.ts';

const KIB = 1024;

test('spare buffers serve again, are never in two hands, and are few', () => {
  const spare = new SpareBuffers();
  const first = spare.take(10 * KIB);
  const second = spare.take(60 * KIB);
  expect(first.length).toBeGreaterThanOrEqual(10 * KIB);
  spare.giveBack(first);
  spare.giveBack(second);
  expect(spare.take(50 * KIB) === second).toBe(true);
  expect(spare.take(50 * KIB) === second).toBe(false);
  expect(spare.take(9 * KIB) === first).toBe(true);
  const huge = spare.take(3_000 * KIB);
  spare.giveBack(huge);
  expect(spare.take(3_000 * KIB) === huge).toBe(false);
  const many = Array.from({ length: 50 }, () => spare.take(100 * KIB));
  for (const buffer of many) spare.giveBack(buffer);
  const again = Array.from({ length: 50 }, () => spare.take(100 * KIB));
  expect(again.filter((buffer) => many.includes(buffer)).length).toBeLessThanOrEqual(20);
});

test('small ones that nobody takes any more make room for larger ones', () => {
  const spare = new SpareBuffers();
  const small = Array.from({ length: 200 }, () => spare.take(16 * KIB));
  for (const buffer of small) spare.giveBack(buffer);
  const large = spare.take(80 * KIB);
  spare.giveBack(large);
  expect(spare.take(80 * KIB) === large).toBe(true);
});

test.each([30, 100, 2_000, 4 * KIB, 4 * KIB + 1, 17 * KIB])(
  'what waits in pieces of %i bytes holds at most four times their sum',
  (bytes) => {
    const spare = new SpareBuffers();
    // Those that were given back may not come into it.
    for (let n = 0; n < 10; n += 1) spare.giveBack(spare.take(bytes));
    const waiting = Array.from({ length: 2_000 }, () => spare.take(bytes));
    const held = new Set(waiting.map(({ buffer }) => buffer));
    const heldBytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(heldBytes).toBeLessThanOrEqual(4 * bytes * waiting.length);
  },
);
