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
  expect(spare.take(1) === first).toBe(true);
  const huge = spare.take(3_000 * KIB);
  spare.giveBack(huge);
  expect(spare.take(3_000 * KIB) === huge).toBe(false);
  const many = Array.from({ length: 50 }, () => spare.take(100 * KIB));
  for (const buffer of many) spare.giveBack(buffer);
  const again = Array.from({ length: 50 }, () => spare.take(100 * KIB));
  expect(again.filter((buffer) => many.includes(buffer)).length).toBeLessThanOrEqual(20);
});
