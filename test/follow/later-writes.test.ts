import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CellTimes } from '../../src/follow/rewrites/cell-times.ts';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { LaterWrites, Winners } from '../../src/follow/others/later-writes.ts';
import { PutStretch } from '../../src/follow/others/put-stretch.ts';
import { Undone } from '../../src/record/fork.ts';
import type { LaneFrame } from '../../src/record/lane-frame.ts';
import { frameOf } from '../kit/frames.ts';

interface Write {
  readonly cell: number;
  readonly value: number;
  readonly receivedAt: number;
}

const START = 1_700_000_000_000;
const DAY_MS = 86_400_000;

const write = fc.record({
  cell: fc.integer({ min: 0, max: 5 }),
  value: fc.integer({ min: 0, max: 3 }),
  receivedAt: fc.integer({ min: 1, max: 40 }),
});

function lineOf({ cell, value }: Write): string {
  return `put m ${1_700_000_000 + cell} ${value} h=x`;
}

/** One record for each millisecond in a row, so that some have several lines. */
function othersOf(writes: readonly Write[], lane = 'b', firstSeq = 1): LaneFrame {
  const records: { receivedAt: number; lines: string[] }[] = [];
  for (const one of writes) {
    const receivedAt = START + one.receivedAt;
    const last = records.at(-1);
    if (last?.receivedAt === receivedAt) last.lines.push(lineOf(one));
    else records.push({ receivedAt, lines: [lineOf(one)] });
  }
  return frameOf(lane, firstSeq, records);
}

/** Notes the writes as they are put, in that order. */
function putAll(stretch: PutStretch, writes: readonly Write[]): void {
  const chunk = new Chunk(1_024, 16);
  for (const one of writes) {
    const bytes = Buffer.from(`${lineOf(one)}\n`);
    const receivedAt = START + one.receivedAt;
    chunk.clear();
    chunk.add(bytes, 0, bytes.length, { seq: 1, telnet: false, receivedAt });
    stretch.cells.put(chunk.keyHigh[0] ?? 0, chunk.keyLow[0] ?? 0, receivedAt);
    stretch.depart({ lane: 'a', ordinal: 1, seq: 1 }, receivedAt);
    stretch.land(0);
  }
}

/** Where each of the arrays begins and ends in all of them together. */
function sizesOf(arrays: readonly (readonly unknown[])[]): [number, number][] {
  let end = 0;
  return arrays.map(({ length }) => [end, (end += length)]);
}

function valuesOf(cells: ReadonlyMap<number, Write>): [number, number][] {
  return [...cells.values()].map(({ cell, value }) => [cell, value]);
}

describe('later writes of other lanes', () => {
  test('are found exactly where what was put last to an instant is earlier by time, lane and sequence, and of another value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(write, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.array(write, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('0', 'b'),
        fc.integer({ min: 1, max: 1_030 }),
        (own, others, lane, firstSeq) => {
          const finder = new LaterWrites();
          const open = own.map((puts) => {
            const stretch = new PutStretch();
            putAll(stretch, puts);
            return { stretch, contestedUntil: Infinity, isFlushed: true };
          });
          const stands = new Map(own.flat().map((one) => [one.cell, one]));
          const expected = new Map(stands);
          // A lane's receive times never go back.
          const sorted = others.flat().toSorted((x, y) => x.receivedAt - y.receivedAt);
          for (const one of sorted) {
            const before = expected.get(one.cell);
            const isOwn = before !== undefined && own.flat().includes(before);
            if (before === undefined || before.receivedAt > one.receivedAt) continue;
            if (isOwn && before.receivedAt === one.receivedAt && lane < 'a') continue;
            expected.set(one.cell, one);
          }
          const frames = sizesOf(others).map(([from, to], at) =>
            othersOf(sorted.slice(from, to), lane, firstSeq + 8 * at),
          );
          // A later look meets all of them again.
          for (const frame of [...frames, ...frames]) {
            const winners = new Winners();
            finder.find(frame, open, winners);
            const { writes: found } = winners;
            for (let line = 0; line < found.count; line += 1) {
              const [, , timestamp, value] = found.text(line).split(' ');
              const cell = Number(timestamp) - 1_700_000_000;
              stands.set(cell, { cell, value: Number(value), receivedAt: 0 });
            }
          }
          expect(valuesOf(stands)).toEqual(valuesOf(expected));
        },
      ),
    );
  });

  test('found once are not found again by a later look', () => {
    const stretch = new PutStretch();
    putAll(stretch, [{ cell: 1, value: 1, receivedAt: 10 }]);
    const open = [{ stretch, contestedUntil: Infinity, isFlushed: true }];
    const finder = new LaterWrites();
    // The same value twice, and another between, in one millisecond: as one request and as two.
    const values = [2, 3, 2].map((value) => ({ cell: 1, value, receivedAt: 12 }));
    const frames = [othersOf(values.slice(0, 2)), othersOf(values.slice(2), 'b', 2)];
    const found = frames.map((frame) => {
      const winners = new Winners();
      finder.find(frame, open, winners);
      return winners.writes.count === 0 ? undefined : winners.writes.text(0);
    });
    expect(found).toEqual(['put m 1700000001 3 h=x', 'put m 1700000001 2 h=x']);
    for (const frame of frames) {
      const winners = new Winners();
      finder.find(frame, open, winners);
      expect(winners.count).toBe(0);
    }
  });

  test('are found as well when what was put first is of a month before: older ones do not win', () => {
    const stretch = new PutStretch();
    const receivedAt = 30 * DAY_MS;
    putAll(stretch, [
      { cell: 1, value: 1, receivedAt: 0 },
      { cell: 2, value: 1, receivedAt },
    ]);
    const open = [{ stretch, contestedUntil: Infinity, isFlushed: true }];
    const finder = new LaterWrites();
    const found = (at: number) => {
      const winners = new Winners();
      finder.find(othersOf([{ cell: 2, value: 2, receivedAt: at }]), open, winners);
      return winners.count;
    };
    expect(found(receivedAt - 1)).toBe(0);
    expect(found(receivedAt + 1)).toBe(1);
  });

  test('win over nothing when they are undone', () => {
    const stretch = new PutStretch();
    putAll(stretch, [{ cell: 1, value: 1, receivedAt: 10 }]);
    const later = othersOf([{ cell: 1, value: 2, receivedAt: 11 }]);
    const open = [{ stretch, contestedUntil: Infinity, isFlushed: true }];
    const { lane, firstSeq: from, lastSeq: to } = later;
    const fork = { id: '0', at: 0, undone: [{ lane, from, to }] };
    const found = (undone: Undone): number => {
      const winners = new Winners();
      new LaterWrites(undone).find(later, open, winners);
      return winners.count;
    };
    expect(found(new Undone([fork]))).toBe(0);
    expect(found(new Undone())).toBe(1);
  });

  test('do not count when they were received after all was flushed: they were put after it', () => {
    const stretch = new PutStretch();
    putAll(stretch, [{ cell: 1, value: 1, receivedAt: 10 }]);
    const later = othersOf([{ cell: 1, value: 2, receivedAt: 21 }]);
    const finder = new LaterWrites();
    const found = (contestedUntil: number, isFlushed = true) => {
      const winners = new Winners();
      const open = [{ stretch, contestedUntil: START + contestedUntil, isFlushed }];
      finder.find(later, open, winners);
      return winners.count;
    };
    expect(found(20)).toBe(0);
    // Nor before what was put is flushed: it could come after that.
    expect(found(21, false)).toBe(0);
    expect(found(21)).toBe(1);
  });
});

describe('cell times', () => {
  test('keep the last of each cell, however many there are', () => {
    const key = fc.tuple(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: 0, max: 4_095 }),
    );
    const put = fc.tuple(key, fc.integer({ min: 0, max: 1_000_000_000 }));
    fc.assert(
      fc.property(
        fc.array(put, { maxLength: 20 }),
        fc.integer({ min: 0, max: 4_000 }),
        (puts, more) => {
          const cells = new CellTimes();
          const wanted = new Map<string, number>();
          const all = [
            ...puts,
            ...Array.from({ length: more }, (_, at) => [[at, at & 7], at] as const),
          ];
          for (const [[high, cell], ms] of all) {
            cells.put(high, ((cell << 20) | 0x10) >>> 0, START + ms);
            wanted.set(`${high}/${cell}`, START + ms);
          }
          expect(cells.count).toBe(wanted.size);
          const wrong = [...wanted].filter(([name, ms]) => {
            const [high = 0, cell = 0] = name.split('/').map(Number);
            const low = (cell << 20) >>> 0;
            return (
              cells.timeOf(high, low) !== ms || cells.get(high, low | 0x3f) !== (low | 0x10) >>> 0
            );
          });
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 10 },
    );
  });

  test('are kept whole, however far from the first they are', () => {
    const cells = new CellTimes();
    const times = [START, START + 30 * DAY_MS, START + 400 * DAY_MS, START - 400 * DAY_MS];
    for (const [cell, receivedAt] of times.entries()) cells.put(cell, 0x10, receivedAt);
    expect(times.map((_, cell) => cells.timeOf(cell, 0x10))).toEqual(times);
  });
});
