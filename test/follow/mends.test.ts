import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { Mends, MENDS_MAX, type Rewrites } from '../../src/follow/rewrites/mends.ts';
import type { Position } from '../../src/record/position.ts';
import { addMend, chunkWith, type OpenMend, takeMends } from './open-mends.ts';

const at = (seq: number, ordinal = 1): Position => ({ lane: `lane${ordinal}`, ordinal, seq });
const mend = (cell: number, dueMs: number, seq = cell, value = '1'): OpenMend => ({
  position: at(seq),
  receivedAt: 0,
  instant: 0,
  index: 0,
  line: `put metric${cell} 1 ${value} h=x`,
  telnet: false,
  high: cell,
  low: 0,
  dueMs,
});

const NONE: ReadonlySet<number> = new Set();

/** A chunk with a record for each line, in order. */
function chunkOf(firstSeq: number, lines: readonly string[]): Chunk {
  const chunk = new Chunk(1_024, 16);
  lines.forEach((line, index) => {
    const bytes = Buffer.from(`${line}\n`);
    chunk.add(bytes, 0, bytes.length, { seq: firstSeq + index, telnet: false, receivedAt: 0 });
  });
  chunk.last = at(firstSeq + lines.length - 1);
  return chunk;
}

function announce(mends: Mends, chunk: Chunk): Rewrites {
  const lines = Array.from({ length: chunk.count }, (_, line) => line);
  const cells = lines.map((line) =>
    mends.announce(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0),
  );
  return { lines, cells };
}

const textsOf = (mends: Mends, nowMs?: number): string[] =>
  takeMends(mends, nowMs).map(({ line }) => line);

describe('mends', () => {
  test('hold the latest write of an instant, due by its own time', () => {
    const mends = new Mends(() => 0);
    addMend(mends, mend(1, 1_000));
    addMend(mends, mend(2, 2_000));
    addMend(mends, mend(1, 3_000, 9));
    expect(mends.nextDueMs('lasting')).toBe(2_000);
    expect(mends.first()).toEqual(at(2));
    expect(takeMends(mends, 2_500).map(({ high }) => high)).toEqual([2]);
    expect(mends.first()).toEqual(at(9));
    expect(takeMends(mends, 2_999)).toEqual([]);
    expect(takeMends(mends, 3_500).map(({ position }) => position.seq)).toEqual([9]);
  });

  test('one that was replaced meanwhile is not removed', () => {
    const mends = new Mends(() => 0);
    addMend(mends, mend(1, 10));
    const sent = mends.due(10, 'lasting');
    sent?.close();
    addMend(mends, mend(1, 20, 2, '2'));
    if (sent !== undefined) mends.remove(sent, 0);
    expect(mends.size).toBe(1);
    expect(textsOf(mends)).toEqual(['put metric1 1 2 h=x']);
  });

  test('know an instant in doubt from when its write is sent until the last answer', () => {
    const mends = new Mends(() => 0);
    const [one, two] = [chunkOf(1, ['put a 1 1 h=x']), chunkOf(2, ['put a 1 2 h=x'])];
    const has = (): boolean => mends.has(one.keyHigh[0] ?? 0, one.keyLow[0] ?? 0);
    const [first, second] = [announce(mends, one), announce(mends, two)];
    mends.land(one, first, new Set([0]), { dueMs: 0, handled: 0 });
    expect(has()).toBe(true);
    mends.land(two, second, new Set([0]), { dueMs: 0, handled: 0 });
    expect(has()).toBe(false);
  });

  test('of a batch are the last of each instant that was not refused', () => {
    const mends = new Mends(() => 0);
    const lines = ['put a 1 1 h=x', 'put b 1 1 h=x', 'put a 1 2 h=x', 'put b 1 2 h=x'];
    const chunk = chunkOf(1, [...lines, 'put a 1 3 h=x', 'put c 1 3 h=x']);
    mends.land(chunk, announce(mends, chunk), new Set([4, 5]), { dueMs: 0, handled: 0 });
    expect(mends.size).toBe(2);
    expect(textsOf(mends).toSorted()).toEqual(['put a 1 2 h=x', 'put b 1 2 h=x']);
  });

  test('one of which the later write was refused stays what it was', () => {
    const mends = new Mends(() => 0);
    const [one, two] = [chunkOf(1, ['put a 1 1 h=x']), chunkOf(2, ['put a 1 2 h=x'])];
    mends.land(one, announce(mends, one), NONE, { dueMs: 0, handled: 0 });
    mends.land(two, announce(mends, two), new Set([0]), { dueMs: 0, handled: 0 });
    expect(textsOf(mends)).toEqual(['put a 1 1 h=x']);
  });

  test('of one quarter of a second are due together, with the last of them', () => {
    const mends = new Mends(() => 0);
    for (const [cell, dueMs] of [10, 100, 260, 270].entries()) addMend(mends, mend(cell, dueMs));
    expect(mends.nextDueMs('lasting')).toBe(260);
    expect(mends.due(259, 'lasting')).toBeUndefined();
    expect(takeMends(mends, 269).map(({ high }) => high)).toEqual([0, 1, 2]);
  });

  test('one that comes while others are being put is put later', () => {
    const mends = new Mends(() => 0);
    addMend(mends, mend(1, 10));
    const sent = mends.due(10, 'lasting');
    sent?.close();
    addMend(mends, mend(2, 20));
    expect(sent?.count).toBe(1);
    if (sent !== undefined) mends.remove(sent, 0);
    expect(takeMends(mends).map(({ high }) => high)).toEqual([2]);
  });

  test('of two lanes do not take each other’s place in the log', () => {
    const mends = new Mends(() => 0);
    const chunk = chunkWith({ ...mend(2, 0), position: at(1, 2) });
    mends.add(chunk, 0, { dueMs: 10, handled: 0 });
    addMend(mends, mend(1, 10, 7));
    expect(mends.first()).toEqual(at(7));
    expect(takeMends(mends).map(({ position }) => position)).toEqual([at(1, 2), at(7)]);
  });

  test('of ended hours that come one by one, and wait for long, fill few pages', () => {
    const mends = new Mends(() => 0);
    for (let cell = 0; cell < 400; cell += 1) {
      const { dueMs, ...point } = mend(cell, cell * 250);
      mends.add(chunkWith(point), 0, { dueMs, handled: 0 }, 'ended');
      // Looked at again and again, as while the TSD compacts.
      mends.due(dueMs, 'ended');
    }
    expect(mends.size).toBe(400);
    expect(mends.givesRoom(0)).toBe(true);
  });

  test('take no more room the more often an instant is written', () => {
    const mends = new Mends(() => 0);
    for (let round = 0; round < 300; round += 1)
      for (let cell = 0; cell < 100; cell += 1)
        addMend(mends, mend(cell, round * 10, round + 1, '7'.repeat(1 + (round % 20))));
    expect(mends.size).toBe(100);
    expect(mends.givesRoom(0)).toBe(true);
    const open = takeMends(mends);
    expect(new Set(open.map(({ position }) => position.seq))).toEqual(new Set([300]));
  });

  test('are as many as fit, and have room again', () => {
    const mends = new Mends(() => 0);
    const long = 'x'.repeat(60_000);
    let count = 0;
    for (; mends.givesRoom(count * 1_000); count += 1)
      addMend(mends, { ...mend(count, 0), line: `put m 1 1 h=x${long}` });
    expect(count).toBeGreaterThan(200);
    expect(count).toBeLessThan(1_000);
    takeMends(mends);
    expect([mends.size, mends.givesRoom(Infinity), mends.first()]).toEqual([0, true, undefined]);
  });

  test('that come in a flood are taken in by and by, and no more than fit', () => {
    const mends = new Mends(() => 0);
    const taken: number[] = [];
    for (let nowMs = 0; nowMs < 1_000; nowMs += 50) {
      const before = mends.size;
      while (mends.givesRoom(nowMs)) addMend(mends, mend(mends.size + 1, 60_000));
      taken.push(mends.size - before);
    }
    expect(taken.slice(0, 4)).toEqual([25_000, 0, 18_750, 0]);
    expect(mends.size).toBeLessThan(MENDS_MAX);
    expect(taken.filter((some) => some > 0)).toHaveLength(10);
  });

  test('of long lines that come in a flood are taken in by and by, too', () => {
    const mends = new Mends(() => 0);
    const taken: number[] = [];
    const line = `put m 1 1 h=${'x'.repeat(1_000)}`;
    addMend(mends, { ...mend(0, 60_000), line });
    for (let nowMs = 0; nowMs < 1_000; nowMs += 100) {
      const before = mends.size;
      while (mends.givesRoom(nowMs)) addMend(mends, { ...mend(mends.size + 1, 60_000), line });
      taken.push(mends.size - before);
    }
    expect(taken.filter((some) => some > 0)).toHaveLength(10);
  });

  test.each(['lasting', 'ended'] as const)(
    'that trickle in fill few pages where the TSD is slow to flush: %s',
    (kind) => {
      const mends = new Mends(() => 60_000);
      for (let dueMs = 0; dueMs < 240_000; dueMs += 250) {
        const { dueMs: _, ...point } = mend(dueMs, 0);
        mends.add(chunkWith(point), 0, { dueMs, handled: 0 }, kind);
      }
      expect(mends.size).toBe(960);
      expect(mends.givesRoom(0)).toBe(true);
    },
  );

  test('are what a table of the latest writes says, whatever comes, is put or let go of', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'add', 'announce', 'land', 'put', 'clear'),
      cell: fc.integer({ min: 0, max: 8 }),
      value: fc.integer({ min: 1, max: 2_000 }),
      dueMs: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 200 }), (steps) => {
        const mends = new Mends(() => 0);
        const wanted = new Map<number, string>();
        const underWay: [Chunk, Rewrites, number, string][] = [];
        for (const [seq, { kind, cell, value, dueMs }] of steps.entries()) {
          const point = mend(cell, dueMs, seq, String(value));
          const chunk = chunkWith(point);
          switch (kind) {
            case 'add':
              mends.add(chunk, 0, { dueMs, handled: 0 });
              wanted.set(cell, point.line);
              break;
            case 'announce':
              underWay.push([chunk, announce(mends, chunk), cell, point.line]);
              break;
            case 'land': {
              const [landed] = underWay.splice(0, 1);
              if (landed === undefined) break;
              mends.land(landed[0], landed[1], NONE, { dueMs, handled: 0 });
              wanted.set(landed[2], landed[3]);
              break;
            }
            case 'put': {
              for (const { high } of takeMends(mends, dueMs)) wanted.delete(high);
              break;
            }
            case 'clear':
              mends.clear();
              wanted.clear();
          }
          expect(mends.size).toBe(wanted.size);
          const known = new Set([
            ...wanted.keys(),
            ...underWay.map(([, , announced]) => announced),
          ]);
          for (let one = 0; one <= 8; one += 1) expect(mends.has(one, 0)).toBe(known.has(one));
        }
        expect(new Map(takeMends(mends).map(({ high, line }) => [high, line]))).toEqual(wanted);
      }),
    );
  });
});
