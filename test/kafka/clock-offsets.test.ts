import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClockOffsets, type ClockVerdict } from '../../src/kafka/clock-offsets.ts';

const OWN = 'm';
const BOUND_MS = 100;

/** Messages of lanes, whose clocks are ahead of this one by so much; each is so long on its way. */
function heard(ahead: Readonly<Record<string, number>>, delaysMs: readonly number[]): ClockOffsets {
  const offsets = new ClockOffsets();
  for (const [lane, aheadMs] of Object.entries(ahead)) {
    for (const [at, delayMs] of delaysMs.entries()) {
      const sentAt = at * 1_000 + aheadMs;
      const cameAt = at * 1_000 + delayMs;
      offsets.note({ lane, host: `host-${lane}`, sentAt, cameAt, atMs: at * 1_000 });
    }
  }
  return offsets;
}

const DELAYS = [40, 7, 300, 3, 90, 40, 7, 300, 5, 90];

function judge(own: string, other: string, aheadMs: number): ClockVerdict {
  return heard({ [other]: aheadMs }, DELAYS).judge(own, BOUND_MS, 9_000);
}

describe('clocks of proxies', () => {
  test('agree while they are within the bound, whatever messages need', () => {
    const ahead = fc.integer({ min: 8 - BOUND_MS, max: BOUND_MS });
    const delays = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 4, maxLength: 9 });
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]$/), ahead), delays, (lanes, delaysMs) => {
        const verdict = heard(lanes, [8, ...delaysMs]).judge(OWN, BOUND_MS, 9_000);
        expect(verdict.kind).toBe('agrees');
      }),
    );
  });

  test('of three, the one that is off from both others is told to be', () => {
    for (const aheadMs of [-400, 400]) {
      const both = heard({ a: aheadMs, z: aheadMs }, DELAYS).judge(OWN, BOUND_MS, 5_000);
      expect(both).toMatchObject({ kind: 'differs', isOurs: true, offsetMs: 3 - aheadMs });
      const one = heard({ a: aheadMs, z: 0 }, DELAYS).judge(OWN, BOUND_MS, 5_000);
      expect(one).toMatchObject({ kind: 'differs', isOurs: false, host: 'host-a' });
    }
  });

  test('of two, exactly one is told to be', () => {
    for (const aheadMs of [-400, 400]) {
      expect(judge('a', 'b', aheadMs)).toMatchObject({ kind: 'differs', isOurs: false });
      expect(judge('b', 'a', -aheadMs)).toMatchObject({ kind: 'differs', isOurs: true });
    }
  });

  test('one that is ahead is told by several messages, one that is behind by one', () => {
    expect(heard({ a: -400 }, [1, 2]).judge(OWN, BOUND_MS, 2_000).kind).toBe('agrees');
    expect(heard({ a: 400 }, [1]).judge(OWN, BOUND_MS, 2_000).kind).toBe('differs');
  });

  test('what was heard long ago does not count', () => {
    const offsets = heard({ a: -400 }, DELAYS);
    expect(offsets.judge(OWN, BOUND_MS, 5_000).kind).toBe('differs');
    expect(offsets.judge(OWN, BOUND_MS, 500_000).kind).toBe('agrees');
  });
});
