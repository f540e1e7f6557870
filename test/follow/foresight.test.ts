import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chunk } from '../../src/follow/chunk.ts';
import { ChunkReader } from '../../src/follow/chunk-reader.ts';
import { Foresight } from '../../src/follow/foresight.ts';
import type { Position } from '../../src/record/position.ts';
import { frameOf } from '../kit/frames.ts';

interface Write {
  readonly cell: number;
  readonly receivedAt: number;
}

const NOW = 1_700_000_100_000;
const OLD_MS = 10_000;
const LIMITS = { lines: 3, bytes: 1_000 };

const write = fc.record({
  cell: fc.integer({ min: 0, max: 6 }),
  receivedAt: fc.integer({ min: NOW - 40_000, max: NOW - 11_000 }),
});

function readOf(lane: string, writes: readonly Write[], value: string) {
  const records = writes.map(({ cell, receivedAt }) => ({
    receivedAt,
    lines: [`put m ${1_600_000_000 + cell} ${value} h=x`],
  }));
  return { kind: 'frame' as const, ...frameOf(lane, 1, records) };
}

function rig(own: readonly Write[], others: readonly Write[], kind: 'shared' | 'alone') {
  const frame = readOf('a', own, '1');
  const log = {
    peek: () => undefined,
    next: (after: Position | undefined) =>
      Promise.resolve((after?.seq ?? 0) < own.length ? frame : undefined),
  };
  const given: { readonly cell: number; readonly seq: number }[] = [];
  let reads = 0;
  const foresight = new Foresight({
    reader: new ChunkReader(log, () => undefined),
    look: { state: { kind } },
    others: {
      seeAll: () => true,
      async *read(fromMs) {
        reads += 1;
        await Promise.resolve();
        for (const one of others) {
          if (one.receivedAt >= fromMs) yield readOf('b', [one], '2');
        }
      },
    },
    receiveNow: () => NOW,
    oldMs: OLD_MS,
    clockBoundMs: 100,
    pointsMax: 4,
    giveWay: ({ line }, { seq }) =>
      given.push({ cell: Number(line.split(' ')[2]) - 1_600_000_000, seq }),
  });
  return { foresight, given, reads: () => reads };
}

/** When the last of the writes to a cell was received; 0 where there is none. */
function latest(writes: readonly Write[], cell: number): number {
  return Math.max(0, ...writes.filter((one) => one.cell === cell).map((one) => one.receivedAt));
}

/** The sequences of the records that are not sent of what stands behind a place. */
async function beatenFrom(
  foresight: Foresight,
  from: number,
  chunk = new Chunk(64, 2),
): Promise<number[]> {
  const { signal } = new AbortController();
  const beaten: number[] = [];
  chunk.last = { lane: 'a', ordinal: 1, seq: from };
  while (chunk.last !== undefined) {
    const place: Position = chunk.last;
    chunk.clear();
    await foresight.fill(chunk, place, LIMITS, signal);
    for (let line = 0; line < chunk.count; line += 1) {
      if (chunk.isBeaten[line] === 1) beaten.push(chunk.seqs[line] ?? 0);
    }
  }
  return beaten;
}

describe('a backlog that others may have overwritten', () => {
  test('is marked where they did, piece by piece and after going back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { minLength: 1, maxLength: 30 }),
        fc.array(write, { maxLength: 12 }),
        fc.integer({ min: 0, max: 29 }),
        async (unsorted, others, again) => {
          const own = unsorted.toSorted((a, b) => a.receivedAt - b.receivedAt);
          const { foresight, given } = rig(own, others, 'shared');
          // One that this lane overwrites itself later may go either way.
          const mayBe = own.map(({ cell, receivedAt }) => latest(others, cell) > receivedAt);
          const mustBe = own.map(({ cell }) => latest(others, cell) > latest(own, cell));
          for (const from of [0, Math.min(again, own.length)]) {
            given.length = 0;
            const beaten = await beatenFrom(foresight, from);
            expect(beaten.filter((seq) => mayBe[seq - 1] !== true)).toEqual([]);
            const kept = own.map((_, at) => at + 1).filter((seq) => !beaten.includes(seq));
            expect(kept.filter((seq) => seq > from && mustBe[seq - 1] === true)).toEqual([]);
            expect(given.map(({ seq }) => seq)).toEqual(beaten);
            expect(given.every(({ cell, seq }) => own[seq - 1]?.cell === cell)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is sent as it is by one that is alone, without a look', async () => {
    const own = [{ cell: 1, receivedAt: NOW - 20_000 }];
    const { foresight, reads } = rig(own, [{ cell: 1, receivedAt: NOW - 15_000 }], 'alone');
    expect(await beatenFrom(foresight, 0)).toEqual([]);
    expect(reads()).toBe(0);
  });
});
