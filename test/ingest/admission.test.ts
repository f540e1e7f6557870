import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission } from '../../src/ingest/admission.ts';

const budgets = { inFlightBytesMax: 100, sourceInFlightBytesMax: 60 };

describe('admission', () => {
  test('takes what fits the budget of all and that of the source', () => {
    const admission = new Admission(budgets, () => undefined);
    expect(admission.tryAcquire('a', 50)).toBe(true);
    expect(admission.tryAcquire('a', 11)).toBe(false);
    expect(admission.tryAcquire('b', 50)).toBe(true);
    expect(admission.tryAcquire('c', 1)).toBe(false);
    admission.release('a', 50);
    expect(admission.tryAcquire('c', 50)).toBe(true);
  });

  test('what is larger than a budget is taken when nothing else is in flight', () => {
    const admission = new Admission(budgets, () => undefined);
    expect(admission.tryAcquire('a', 1_000)).toBe(true);
    expect(admission.tryAcquire('b', 1)).toBe(false);
    admission.release('a', 1_000);
    expect(admission.bytes).toBe(0);
  });

  test('tells when more than a quarter of a budget is used', () => {
    let pressed = 0;
    const admission = new Admission(budgets, () => (pressed += 1));
    admission.tryAcquire('a', 15);
    expect(pressed).toBe(0);
    admission.tryAcquire('b', 12);
    expect(pressed).toBe(1);
    admission.release('b', 12);
    admission.tryAcquire('a', 1);
    expect(pressed).toBe(2);
  });

  test('who waits for the whole budget is not overtaken, who waits for its own holds nobody', () => {
    const admission = new Admission(budgets, () => undefined);
    const admitted: string[] = [];
    admission.tryAcquire('a', 60);
    admission.wait('a', 10, () => admitted.push('a'));
    expect(admission.tryAcquire('b', 40)).toBe(true);
    admission.wait('c', 50, () => admitted.push('c'));
    admission.release('b', 10);
    expect(admission.tryAcquire('d', 5)).toBe(false);
    admission.release('b', 30);
    expect(admitted).toEqual([]);
    admission.release('a', 60);
    expect(admitted).toEqual(['a', 'c']);
    expect(admission.bytes).toBe(60);
  });

  test('those who wait never have the whole budget, and then close it to nobody', () => {
    const admission = new Admission(budgets, () => undefined);
    const admitted: string[] = [];
    expect(admission.tryAcquire('a', 50, true)).toBe(true);
    expect(admission.tryAcquire('b', 30, true)).toBe(false);
    admission.wait('b', 30, () => admitted.push('b'));
    expect(admission.tryAcquire('c', 50)).toBe(true);
    admission.release('c', 50);
    expect(admitted).toEqual([]);
    admission.release('a', 50, true);
    expect(admitted).toEqual(['b']);
  });

  test('who waits for what those who wait may hold is not overtaken by others who wait', () => {
    const admission = new Admission(budgets, () => undefined);
    const admitted: string[] = [];
    expect(admission.tryAcquire('a', 35, true)).toBe(true);
    expect(admission.tryAcquire('b', 35, true)).toBe(true);
    expect(admission.tryAcquire('c', 50, true)).toBe(false);
    admission.wait('c', 50, () => admitted.push('c'));
    expect(admission.tryAcquire('d', 5, true)).toBe(false);
    admission.wait('d', 5, () => admitted.push('d'));
    expect(admission.tryAcquire('e', 5)).toBe(true);
    admission.release('a', 35, true);
    expect(admitted).toEqual([]);
    expect(admission.tryAcquire('f', 1, true)).toBe(false);
    admission.release('b', 35, true);
    expect(admitted).toEqual(['c', 'd']);
    expect(admission.tryAcquire('f', 1, true)).toBe(true);
  });

  test('who waits for its own budget, too, does not close that of those who wait', () => {
    const admission = new Admission(budgets, () => undefined);
    expect(admission.tryAcquire('a', 50, true)).toBe(true);
    expect(admission.tryAcquire('a', 30, true)).toBe(false);
    admission.wait('a', 30, () => undefined);
    expect(admission.tryAcquire('b', 20, true)).toBe(true);
    admission.release('b', 20, true);
    expect(admission.tryAcquire('b', 20, true)).toBe(true);
  });

  test('a cancelled wait takes nothing and holds nobody', () => {
    const admission = new Admission(budgets, () => undefined);
    const admitted: string[] = [];
    const never = (): void => void admitted.push('never');
    admission.tryAcquire('a', 60);
    admission.wait('b', 60, never);
    admission.wait('c', 40, () => admitted.push('c'));
    admission.cancel(never);
    expect(admitted).toEqual(['c']);
  });

  test('never holds more than the budgets while every piece fits them, and ends at nothing', () => {
    const step = fc.record({
      source: fc.constantFrom('a', 'b', 'c'),
      bytes: fc.integer({ min: 1, max: 60 }),
      waits: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const admission = new Admission(budgets, () => undefined);
        const held: { source: string; bytes: number; waits: boolean }[] = [];
        let waiting = 0;
        for (const { source, bytes, waits } of steps) {
          if (admission.tryAcquire(source, bytes, waits)) {
            held.push({ source, bytes, waits });
          } else if (waits) {
            waiting += 1;
            admission.wait(source, bytes, () => {
              waiting -= 1;
              held.push({ source, bytes, waits });
            });
          } else {
            const first = held.shift();
            if (first !== undefined) admission.release(first.source, first.bytes, first.waits);
          }
          expect(admission.bytes).toBeLessThanOrEqual(100);
          for (const name of ['a', 'b', 'c']) {
            const own = held.filter((piece) => piece.source === name);
            expect(own.reduce((sum, piece) => sum + piece.bytes, 0)).toBeLessThanOrEqual(60);
          }
        }
        for (let first = held.shift(); first !== undefined; first = held.shift()) {
          admission.release(first.source, first.bytes, first.waits);
        }
        expect([admission.bytes, waiting]).toEqual([0, 0]);
      }),
    );
  });
});
