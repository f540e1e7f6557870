import { describe, expect, test } from 'vitest';
import { Confirmation, type Vitals } from '../../src/follow/prove/confirmation.ts';
import { Suspects } from '../../src/follow/deliver/suspects.ts';
import type { Position } from '../../src/record/position.ts';

const at = (seq: number): Position => ({ lane: 'a', ordinal: 1, seq });
const pointOf = (cell: number, seq = cell) => ({
  position: at(seq),
  receivedAt: 0,
  instant: 0,
  index: 0,
  line: `put metric${cell} 1 1 h=x`,
  telnet: false,
  high: cell,
  low: 0,
  error: 'Unknown metric',
});

function tried(times: readonly (readonly [number, number | undefined])[]): boolean {
  const suspects = new Suspects();
  suspects.add(pointOf(1), 0);
  for (const [nowMs, provenMs] of times) {
    const [suspect] = suspects.due(nowMs);
    if (suspect !== undefined) suspects.refuse(suspect, 'Unknown metric', nowMs, provenMs);
  }
  return suspects.final().length > 0;
}

const vitals = (startTime: number, storage: number, exceptions: number) => ({
  startTime,
  counters: { storage, exceptions },
});

describe('suspects', () => {
  test.each([
    [
      'three tries over a minute',
      [
        [30_000, 29_000],
        [60_000, 59_000],
      ],
      true,
    ],
    [
      'less than a minute',
      [
        [20_000, 19_000],
        [40_000, 39_000],
      ],
      false,
    ],
    ['two tries', [[70_000, 69_000]], false],
    [
      'no proof since the try before',
      [
        [30_000, 29_000],
        [60_000, 29_000],
      ],
      false,
    ],
    [
      'nothing to prove it with',
      [
        [30_000, undefined],
        [60_000, undefined],
      ],
      true,
    ],
  ] as const)('%s: %j is final: %s', (_, times, isFinal) => {
    expect(tried(times)).toBe(isFinal);
  });

  test('a final one stays, and holds its position, until it is written down', () => {
    const suspects = new Suspects();
    suspects.add(pointOf(1, 7), 0);
    for (const nowMs of [30_000, 60_000]) {
      const [suspect] = suspects.due(nowMs);
      if (suspect !== undefined) suspects.refuse(suspect, 'Unknown metric', nowMs, nowMs);
    }
    expect(suspects.oldest()).toEqual(at(7));
    const [final] = suspects.final();
    if (final !== undefined) suspects.remove(final);
    expect(suspects.size).toBe(0);
    suspects.add(pointOf(1, 8), 61_000);
    suspects.add(pointOf(2, 9), 61_000);
    expect(suspects.final().map(({ position }) => position.seq)).toEqual([8]);
    suspects.supersede(1, 15);
    expect(suspects.oldest()).toEqual(at(9));
  });
});

describe('confirmation', () => {
  test('comes a heal window after a write was proven stored', () => {
    const confirmation = new Confirmation(1_000, undefined);
    confirmation.noteStored(at(1), 0);
    confirmation.noteStored(at(2), 500);
    expect(confirmation.isStored(at(2))).toBe(true);
    for (const [nowMs, confirmed] of [
      [999, undefined],
      [1_499, at(1)],
      [1_500, at(2)],
    ] as const) {
      confirmation.noteSteady(nowMs);
      expect(confirmation.confirmed).toEqual(confirmed);
    }
    expect(confirmation.isWaiting).toBe(false);
  });

  test('does not come by time in which nobody looked', () => {
    const confirmation = new Confirmation(1_000, undefined);
    confirmation.noteStored(at(1), 0);
    confirmation.noteSteady(400);
    confirmation.noteStored(at(2), 500);
    confirmation.resume(5_000);
    for (const [nowMs, confirmed] of [
      [5_000, undefined],
      [5_599, undefined],
      [5_600, at(1)],
      [5_999, at(1)],
      [6_000, at(2)],
    ] as const) {
      confirmation.noteSteady(nowMs);
      expect(confirmation.confirmed).toEqual(confirmed);
    }
  });

  test('doubt goes back to what is confirmed', () => {
    const confirmation = new Confirmation(1_000, at(1));
    confirmation.noteStored(at(5), 0);
    confirmation.doubt();
    expect(confirmation.stored).toEqual(at(1));
    confirmation.noteSteady(9_999);
    expect(confirmation.confirmed).toEqual(at(1));
  });

  test('alarms: another process, storage errors, and exceptions once for a stretch', () => {
    const confirmation = new Confirmation(0, at(1));
    expect(confirmation.check(vitals(1, 0, 0), at(1))).toBeUndefined();
    expect(confirmation.check(vitals(1, 0, 0), at(5))).toBeUndefined();
    expect(confirmation.check(vitals(1, 0, 1), at(5))).toBe('exceptions');
    expect(confirmation.check(vitals(1, 0, 2), at(5))).toBeUndefined();
    expect(confirmation.check(vitals(1, 1, 2), at(5))).toBe('storage errors');
    expect(confirmation.check(vitals(2, 0, 0), at(5))).toBe('restarted');
    confirmation.noteStored(at(5), 0);
    confirmation.noteSteady(0);
    expect(confirmation.check(vitals(2, 0, 1), at(6))).toBe('exceptions');
  });

  test('compares errors that are not told with what was told last, but not those of another process', () => {
    const confirmation = new Confirmation(0, at(1));
    const untold = { startTime: 1, counters: undefined };
    const look = (found: Vitals): unknown => [
      confirmation.check(found, at(5)),
      confirmation.isUntold,
    ];
    expect(look(untold)).toEqual([undefined, false]);
    expect(look(vitals(1, 5, 0))).toEqual([undefined, false]);
    for (let n = 0; n < 2; n += 1) expect(look(untold)).toEqual([undefined, true]);
    expect(look(vitals(1, 5, 0))).toEqual([undefined, false]);
    expect(look(untold)).toEqual([undefined, true]);
    expect(look(vitals(1, 6, 0))).toEqual(['storage errors', false]);
    expect(look({ ...untold, startTime: 2 })).toEqual(['restarted', false]);
    expect(look({ ...untold, startTime: 2 })).toEqual([undefined, false]);
    expect(look(vitals(2, 3, 0))).toEqual([undefined, false]);
    expect(look({ ...untold, startTime: 2 })).toEqual([undefined, true]);
    confirmation.goOnUntold();
    expect(look({ ...untold, startTime: 2 })).toEqual([undefined, false]);
  });
});
