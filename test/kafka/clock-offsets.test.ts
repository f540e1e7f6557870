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

  test('of two groups that differ, one is told to be off, by all of both', () => {
    const groups = fc.uniqueArray(fc.stringMatching(/^[a-z]{3}$/), { minLength: 2, maxLength: 8 });
    const aheadMs = fc.integer({ min: BOUND_MS + 1, max: 5_000 });
    fc.assert(
      fc.property(groups, fc.nat(), aheadMs, (lanes, seed, ms) => {
        const size = 1 + (seed % (lanes.length - 1));
        const clock = (lane: string): number => (lanes.indexOf(lane) < size ? 0 : ms);
        const verdicts = lanes.map((own) => {
          const others = lanes.filter((lane) => lane !== own);
          const ahead = Object.fromEntries(others.map((one) => [one, clock(one) - clock(own)]));
          return heard(ahead, Array<number>(10).fill(0)).judge(own, BOUND_MS, 9_000);
        });
        const areOff = verdicts.map((one) => one.kind === 'differs' && one.isOurs);
        expect(verdicts.every(({ kind }) => kind === 'differs')).toBe(true);
        expect(new Set(areOff.slice(0, size)).size).toBe(1);
        expect(new Set(areOff.slice(size))).toEqual(new Set([areOff[0] !== true]));
      }),
    );
  });

  test('the lane of a process that is gone does not count beside that of its successor', () => {
    const offsets = heard({ old: -400 }, DELAYS);
    for (let at = 0; at < 10; at += 1) {
      const atMs = 60_000 + at * 1_000;
      offsets.note({ lane: 'a', host: 'host', sentAt: atMs - 400, cameAt: atMs, atMs });
    }
    expect(offsets.judge('b', BOUND_MS, 69_000)).toMatchObject({ isOurs: true });
    expect(offsets.judge('A', BOUND_MS, 69_000)).toMatchObject({ isOurs: false });
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
