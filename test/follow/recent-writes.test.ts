import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RecentWrites, type Writes } from '../../src/follow/rewrites/recent-writes.ts';

const SPAN_MS = 100;
const MORE_THAN_FIT = 300_000;

describe('recent writes', () => {
  test('find every other form within the span, and nothing older than two, in whatever order instants come', () => {
    const write = fc.record({
      series: fc.integer({ min: 0, max: 3 }),
      step: fc.integer({ min: -2, max: 3 }),
      form: fc.integer({ min: 0, max: 5 }),
      afterMs: fc.integer({ min: 0, max: 60 }),
      isAgain: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
        const recent = new RecentWrites(() => SPAN_MS, 0);
        const last = new Map<number, { form: number; ms: number }>();
        const instants = [100, 100, 100, 100];
        let nowMs = 0;
        for (const { series, step, form, afterMs, isAgain } of writes) {
          nowMs += afterMs;
          recent.age(nowMs);
          const instant = (instants[series] ?? 0) + step;
          instants[series] = instant;
          const cell = series * 1_000 + instant;
          const before = last.get(cell);
          const [high, low] = [cell * 7_919, ((cell << 4) | form) >>> 0];
          const isRewrite =
            isAgain && before !== undefined
              ? recent.registerAgain(high, low)
              : recent.register(writesOf({ series, instant, high, low }), 0);
          const ageMs = before === undefined ? Infinity : nowMs - before.ms;
          const isKnown = ageMs < SPAN_MS || ageMs > 2 * SPAN_MS + 60;
          const isTie = ageMs < SPAN_MS && before?.form !== form;
          expect(isKnown ? isRewrite : false).toBe(isKnown && isTie);
          last.set(cell, { form, ms: nowMs });
        }
      }),
    );
  });

  test('know rewrites also while there are more series than they can follow', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    const put = (series: number, instant: number, form: number): boolean => {
      const cell = Math.imul(series * 10 + instant, 0x9e37_79b1) >>> 0;
      return recent.register(
        writesOf({ series, instant, high: cell, low: ((series << 4) | form) >>> 0 }),
        0,
      );
    };
    expect(put(1, 2, 0)).toBe(false);
    for (let series = 2; series < 300_000; series += 1) put(series, 1, 0);
    // Seen for the first time since the clock began anew, and then as if it went on.
    expect(put(1, 1, 0)).toBe(false);
    expect(put(1, 2, 1)).toBe(true);
    recent.age(SPAN_MS);
    expect(put(1, 3, 0)).toBe(false);
    expect(put(1, 2, 2)).toBe(true);
  });

  test.each(['registerAgain', 'renewAgain'] as const)(
    'know the instant that was written by %s, though its series was last heard of long ago',
    (again) => {
      const recent = new RecentWrites(() => SPAN_MS, 0);
      const put = (form: number): boolean =>
        recent.register(writesOf({ series: 1, instant: 2, high: 7, low: 0x70 | form }), 0);
      expect(put(0)).toBe(false);
      for (const nowMs of [100, 200, 300]) recent.age(nowMs);
      recent[again](7, 0x70);
      expect(put(1)).toBe(true);
      recent.age(400);
      expect(put(2)).toBe(true);
    },
  );

  test('a write that may have arrived only now is as new as now, and doubted if another came between', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    recent.registerAgain(1, 0x10);
    recent.registerAgain(2, 0x20);
    recent.registerAgain(2, 0x21);
    recent.age(90);
    recent.renewAgain(1, 0x10);
    recent.renewAgain(2, 0x20);
    expect(recent.registerAgain(2, 0x21)).toBe(true);
    recent.age(150);
    recent.age(180);
    expect(recent.registerAgain(1, 0x11)).toBe(true);
  });

  test('so is one of a known series, whether or not anything of it was written since', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    const put = (...one: [number, number, number]): boolean => recent.register(writeOf(...one), 0);
    for (const series of [1, 2, 3]) put(series, 5, 0);
    recent.age(100);
    put(2, 6, 0);
    put(3, 5, 1);
    for (const series of [1, 2, 3]) recent.renew(writeOf(series, 5, 0), 0);
    recent.age(200);
    expect(put(1, 5, 0)).toBe(false);
    expect(put(1, 5, 1)).toBe(true);
    expect(put(2, 5, 1)).toBe(true);
    expect(put(3, 5, 1)).toBe(true);
    expect(put(1, 6, 1)).toBe(false);
  });

  test('what was written since the last turn of the generations is known for a span from now', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    recent.age(150);
    recent.registerAgain(1, 0x10);
    expect([recent.remembers(149), recent.remembers(150)]).toEqual([false, true]);
    // The answer to that write comes now, at 240: whatever ages until 340, it is found.
    for (let nowMs = 240; nowMs < 340; nowMs += 10) recent.age(nowMs);
    expect(recent.registerAgain(1, 0x11)).toBe(true);
  });

  test('take what comes in order without an end, and a write that may be of what was forgotten for a rewrite', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    let rewrites = 0;
    for (let at = 0; at < MORE_THAN_FIT; at += 1) rewrites += Number(recent.register(later(at), 0));
    expect(rewrites).toBe(0);
    const [known, forgotten] = [later(5), later(MORE_THAN_FIT - 1)];
    expect(recent.register(known, 0)).toBe(false);
    expect(recent.register(forgotten, 0)).toBe(true);
    // Noted, this time.
    expect(recent.register(forgotten, 0)).toBe(false);
    recent.age(SPAN_MS);
    expect(recent.register(later(MORE_THAN_FIT - 3), 0)).toBe(true);
    recent.age(2 * SPAN_MS);
    recent.age(3 * SPAN_MS);
    expect(recent.register(later(MORE_THAN_FIT - 2), 0)).toBe(false);
  });

  test('what was forgotten is not told from what was written before it', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    const put = (form: number): boolean => recent.register(writeOf(2_000, 5, form), 0);
    expect(put(0)).toBe(false);
    recent.age(SPAN_MS);
    for (let at = 0; at < MORE_THAN_FIT; at += 1) recent.register(later(at), 0);
    expect(put(1)).toBe(true);
    expect(put(0)).toBe(true);
  });

  test('take for a rewrite what there is no room for, and have room again after the span', () => {
    const recent = new RecentWrites(() => SPAN_MS, 0);
    let count = 0;
    let rewrites = 0;
    const putNext = (): boolean => {
      count += 1;
      return recent.registerAgain(Math.imul(count, 0x9e37_79b1) >>> 0, (count << 4) >>> 0);
    };
    while (rewrites < 10_000) if (putNext()) rewrites += 1;
    expect(count - rewrites).toBeGreaterThan(250_000);
    expect(count - rewrites).toBeLessThan(400_000);
    expect(recent.registerAgain(Math.imul(5, 0x9e37_79b1) >>> 0, (5 << 4) | 1)).toBe(true);
    recent.age(SPAN_MS);
    expect(putNext()).toBe(true);
    recent.age(2 * SPAN_MS);
    expect(putNext()).toBe(false);
  });
});

/** A write of one of a thousand series, always of a later instant. */
function later(at: number): Writes {
  const [series, instant] = [at % 1_000, 1 + Math.floor(at / 1_000)];
  return writesOf({ series, instant, high: Math.imul(at, 0x9e37_79b1) >>> 0, low: at << 4 });
}

function writeOf(series: number, instant: number, form: number): Writes {
  const cell = series * 10 + instant;
  return writesOf({ series, instant, high: cell, low: ((cell << 4) | form) >>> 0 });
}

interface Write {
  readonly series: number;
  readonly instant: number;
  readonly high: number;
  readonly low: number;
}

function writesOf({ series, instant, high, low }: Write): Writes {
  return {
    keyHigh: Uint32Array.of(high),
    keyLow: Uint32Array.of(low),
    seriesHigh: Uint32Array.of(Math.imul(series, 0x85eb_ca6b)),
    seriesLow: Uint32Array.of(series),
    instants: Float64Array.of(instant),
  };
}
