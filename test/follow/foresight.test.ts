import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { ChunkReader } from '../../src/follow/deliver/chunk-reader.ts';
import { orderOf } from '../../src/follow/deliver/fold.ts';
import { Foresight } from '../../src/follow/others/foresight.ts';
import { Undone } from '../../src/record/fork.ts';
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
  // Few enough for the same millisecond to come up.
  receivedAt: fc.integer({ min: 0, max: 290 }).map((step) => NOW - 40_000 + 100 * step),
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
  let later = 0;
  let reads = 0;
  const foresight = new Foresight({
    reader: new ChunkReader(log, { hole: () => undefined }),
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
    undone: new Undone(),
    oldMs: OLD_MS,
    clockBoundMs: 100,
    pointsMax: 4,
    onLater: (points) => (later += points),
  });
  return { foresight, later: () => later, reads: () => reads };
}

/** When the last of the writes to a cell was received; 0 where there is none. */
function latest(writes: readonly Write[], cell: number): number {
  return Math.max(0, ...writes.filter((one) => one.cell === cell).map((one) => one.receivedAt));
}

interface Sent extends Write {
  readonly seq: number;
  readonly isOfOthers: boolean;
}

/** What is sent of what comes after a place. */
async function sentFrom(
  foresight: Foresight,
  from: number,
  chunk = new Chunk(64, 2),
): Promise<Sent[]> {
  const { signal } = new AbortController();
  const sent: Sent[] = [];
  chunk.last = { lane: 'a', ordinal: 1, seq: from };
  while (chunk.last !== undefined) {
    const place: Position = chunk.last;
    chunk.clear();
    await foresight.fill(chunk, place, LIMITS, signal);
    for (const line of orderOf(chunk, 'folded')) {
      const cell = Number(chunk.text(line).split(' ')[2]) - 1_600_000_000;
      const isOfOthers = chunk.text(line).split(' ')[3] === '2';
      expect(chunk.isOfOthers[line]).toBe(isOfOthers ? 1 : 0);
      const receivedAt = chunk.times[line] ?? 0;
      sent.push({ cell, receivedAt, seq: chunk.seqs[line] ?? 0, isOfOthers });
    }
  }
  return sent;
}

async function readLive(foresight: Foresight, chunk = new Chunk(64, 2)): Promise<void> {
  await foresight.fill(chunk, undefined, LIMITS, undefined);
}

describe('a backlog that others may have overwritten', () => {
  test('is sent with theirs in place of it, piece by piece and after going back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { minLength: 1, maxLength: 30 }),
        fc.array(write, { maxLength: 12 }),
        fc.integer({ min: 0, max: 29 }),
        async (unsorted, others, again) => {
          const own = unsorted.toSorted((a, b) => a.receivedAt - b.receivedAt);
          const { foresight, later } = rig(own, others, 'shared');
          let told = 0;
          for (const from of [0, Math.min(again, own.length)]) {
            const sent = await sentFrom(foresight, from);
            for (const { cell } of own.slice(from)) {
              const last = sent.findLast((one) => one.cell === cell);
              // Not even for a while what surely loses; of one millisecond that of the lane with the lesser name does.
              const loses = latest(others, cell) >= latest(own, cell);
              expect(last?.isOfOthers).toBe(loses);
              expect(loses || last?.receivedAt === latest(own, cell)).toBe(true);
              const losers = sent.filter((one) => one.cell === cell && !one.isOfOthers);
              expect(loses ? losers : []).toEqual([]);
            }
            // The cursor stays before what they are put for.
            const instead = sent.filter(({ isOfOthers }) => isOfOthers);
            for (const { cell, seq, receivedAt } of instead) {
              expect(own[seq - 1]?.cell).toBe(cell);
              expect(own[seq - 1]?.receivedAt).toBeLessThan(receivedAt);
            }
            told += instead.length;
            // What is live, or read blindly, comes between.
            await readLive(foresight);
          }
          expect(later()).toBe(told);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is sent as it is by one that is alone, without a look', async () => {
    const own = [{ cell: 1, receivedAt: NOW - 20_000 }];
    const { foresight, reads } = rig(own, [{ cell: 1, receivedAt: NOW - 15_000 }], 'alone');
    expect(await sentFrom(foresight, 0)).toMatchObject([{ cell: 1, isOfOthers: false }]);
    expect(reads()).toBe(0);
  });
});
