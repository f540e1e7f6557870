import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RecentWrites } from '../../src/follow/recent-writes.ts';

const SPAN_MS = 100;

describe('recent writes', () => {
  test('find every other form within the span, and nothing older than two', () => {
    const write = fc.record({
      cell: fc.integer({ min: 0, max: 20 }),
      form: fc.integer({ min: 0, max: 5 }),
      afterMs: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
        const recent = new RecentWrites(() => SPAN_MS, 0);
        const last = new Map<number, { form: number; ms: number }>();
        let nowMs = 0;
        for (const { cell, form, afterMs } of writes) {
          nowMs += afterMs;
          recent.age(nowMs);
          const isRewrite = recent.register(cell * 7_919, (cell << 4) | form);
          const before = last.get(cell);
          const ageMs = before === undefined ? Infinity : nowMs - before.ms;
          const isKnown = ageMs < SPAN_MS || ageMs > 2 * SPAN_MS + 60;
          const isTie = ageMs < SPAN_MS && before?.form !== form;
          expect(isKnown ? isRewrite : false).toBe(isKnown && isTie);
          last.set(cell, { form, ms: nowMs });
        }
      }),
    );
  });

  test('a write that may have arrived only now is as new as now, and doubted if another came between', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    recent.register(1, 0x10);
    recent.register(2, 0x20);
    recent.register(2, 0x21);
    recent.age(90);
    recent.renew(1, 0x10);
    recent.renew(2, 0x20);
    expect(recent.register(2, 0x21)).toBe(true);
    recent.age(150);
    recent.age(180);
    expect(recent.register(1, 0x11)).toBe(true);
  });

  test(
    'grow, ask to wait when they are full, and have room again after the span',
    { timeout: 20_000 },
    () => {
      const recent = new RecentWrites(() => SPAN_MS, 0);
      let count = 0;
      while (recent.waitMs(1_000, 10) === 0) {
        for (let at = 0; at < 1_000; at += 1, count += 1) {
          recent.register(Math.imul(count, 0x9e37_79b1) >>> 0, (count << 4) >>> 0);
        }
      }
      expect(count).toBeGreaterThan(1_000_000);
      expect(recent.waitMs(1_000, 10)).toBe(90);
      expect(recent.register(Math.imul(5, 0x9e37_79b1) >>> 0, (5 << 4) | 1)).toBe(true);
      recent.age(110);
      expect(recent.waitMs(1_000, 110)).toBe(0);
    },
  );
});
