import { describe, expect, test } from 'vitest';
import type { Applied, Applier } from '../../src/follow/deliver/applier.ts';
import type { Batch } from '../../src/follow/deliver/batch.ts';
import { Canary } from '../../src/follow/prove/canary.ts';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { GivingWay } from '../../src/follow/others/giving-way.ts';
import { LaterWrites, Winners } from '../../src/follow/others/later-writes.ts';
import { Mends } from '../../src/follow/rewrites/mends.ts';
import { PutNotes } from '../../src/follow/others/put-notes.ts';
import { QuietWatch } from '../../src/follow/prove/quiet-watch.ts';
import { RecentWrites } from '../../src/follow/rewrites/recent-writes.ts';
import { Suspects } from '../../src/follow/deliver/suspects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { frameOf } from '../kit/frames.ts';
import { addMend, takeMends } from './open-mends.ts';

const START = 1_700_000_000_000;
const LIMITS = { points: 100, bytes: 65_536 };
const HANDLED: Applied = { kind: 'handled', refused: [] };

/** What this lane put to cells of a metric, others wrote later, and what is put instead. */
class Rig {
  readonly notes = new PutNotes();
  readonly mends = new Mends(() => 0);
  readonly suspects = new Suspects();
  readonly puts: string[] = [];
  readonly winners = new Winners();
  readonly canary = new Canary();
  given = 0;
  unsettled = 0;
  isQuiet = true;
  /** Epoch ms: in the hour of what is put. */
  now = START;
  answer: (batch: Batch) => Applied = () => HANDLED;
  readonly givingWay: GivingWay;

  constructor() {
    const { canary, mends, suspects, notes } = this;
    const applier = {
      isQuiet: () => Promise.resolve(this.isQuiet),
      answers: () => Promise.resolve(true),
      apply: (batch: Batch) => {
        const answer = this.answer(batch);
        if (answer.kind === 'handled')
          this.puts.push(...batch.lines.map((line) => batch.chunk.text(line)));
        return Promise.resolve(answer);
      },
    } as unknown as Applier;
    this.givingWay = new GivingWay({
      applier,
      canary,
      recent: new RecentWrites(() => 1_000, 0),
      mends,
      suspects,
      quiet: new QuietWatch(applier, canary),
      look: {
        standing: ({ writes, landedMs }, line) => notes.standing(writes, line, landedMs),
        departInstead: ({ writes, position }, lines) =>
          notes.departInstead(writes, lines, position),
      },
      clock: { ...systemClock, now: () => this.now },
      flushSpanMs: () => 0,
      events: {
        gaveWay: (points) => (this.given += points),
        unsettled: (points) => (this.unsettled += points),
      },
    });
  }

  /** A record of this lane with a value for each of so many cells, answered then. */
  put(seq: number, value: string, cells: readonly number[], landedMs: number): void {
    const chunk = new Chunk(1_024, 16);
    const bytes = Buffer.from(cells.map((cell) => lineOf(cell, value)).join(''));
    chunk.add(bytes, 0, bytes.length, { seq, telnet: false, receivedAt: START + seq });
    chunk.last = { lane: 'a', ordinal: 1, seq };
    this.notes
      .depart(
        chunk,
        cells.map((_, at) => at),
        true,
      )
      .landed(landedMs);
  }

  /** What others wrote of cells at a time is found to win. */
  find(value: string, cells: readonly number[], receivedAt: number): void {
    const lines = cells.map((cell) => lineOf(cell, value).trimEnd());
    const open = this.notes.stretches.map((stretch) => ({
      stretch,
      contestedUntil: Infinity,
      isFlushed: true,
    }));
    new LaterWrites().find(
      frameOf('b', 1, [{ receivedAt: START + receivedAt, lines }]),
      open,
      this.winners,
    );
  }

  /** `laterMs`: after they were found. */
  async run(laterMs = 0): Promise<unknown> {
    const over = new AbortController();
    const done = this.givingWay.add(this.winners, over.signal).then(() => 'done');
    const failure = await this.givingWay.run(systemClock.monotonicMs() + laterMs, LIMITS);
    if (failure === undefined) return done;
    over.abort();
    return failure;
  }
}

function lineOf(cell: number, value: string): string {
  return `put m ${1_700_000_000 + cell} ${value} h=x\n`;
}

function valuesOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.split(' ').slice(2, 4).join(' '));
}

describe('giving way to others', () => {
  test('puts what won, without what was put over it since', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0, 1, 2], 10);
    rig.find('2', [0, 1], 5);
    rig.notes.turn(0, 0);
    rig.put(9, '3', [1], 20);
    expect(await rig.run()).toBe('done');
    expect(valuesOf(rig.puts)).toEqual(['1700000000 2']);
    expect(rig.given).toBe(1);
    expect(rig.mends.size).toBe(0);
  });

  test('puts what won also when others wrote the same again', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0], 10);
    rig.find('2', [0], 5);
    rig.find('2', [0], 7);
    expect(await rig.run()).toBe('done');
    expect(valuesOf(rig.puts)).toEqual(['1700000000 2']);
  });

  test('puts once more what may tie with an earlier write that was put again since', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0], 10);
    rig.find('2', [0], 5);
    rig.put(1, '1', [0], 20);
    expect(await rig.run()).toBe('done');
    expect(valuesOf(rig.puts)).toEqual(['1700000000 2']);
    expect(takeMends(rig.mends)).toMatchObject([{ position: { seq: 1 }, isOfOthers: true }]);
  });

  test('puts once more what goes to an hour that is over, where the TSD may compact it away', async () => {
    const rig = new Rig();
    rig.now = START + 2 * 3_600_000;
    rig.put(1, '1', [0], 10);
    rig.find('2', [0], 5);
    expect(await rig.run()).toBe('done');
    expect(takeMends(rig.mends)).toMatchObject([{ position: { seq: 1 }, isOfOthers: true }]);
  });

  test('tells of what is put though the TSD is never quiet as unsettled, but for what is refused or put once more', async () => {
    const rig = new Rig();
    rig.isQuiet = false;
    rig.put(1, '1', [0, 1, 2, 3], 10);
    rig.find('2', [0, 1, 2, 3], 5);
    // This may tie.
    rig.notes.turn(0, 0);
    rig.put(1, '1', [3], 20);
    rig.answer = ({ lines: [refused = 0] }) => ({
      kind: 'handled',
      refused: [{ line: refused, error: 'no' }],
    });
    expect(await rig.run(10_000)).toBe('done');
    expect([rig.given, rig.unsettled, rig.mends.size]).toEqual([4, 2, 1]);
  });

  test('tells of nothing as unsettled when the TSD was quiet', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0, 1], 10);
    rig.find('2', [0, 1], 5);
    expect(await rig.run(10_000)).toBe('done');
    expect([rig.given, rig.unsettled]).toEqual([2, 0]);
  });

  test('takes the place of what this one was to put once more', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0], 10);
    rig.find('2', [0], 5);
    const { writes } = rig.winners;
    const times = { receivedAt: START + 1, instant: 1_700_000_000_000 };
    const own = { line: lineOf(0, '1').trimEnd(), telnet: false, index: 0, ...times };
    const key = { high: writes.keyHigh[0] ?? 0, low: writes.keyLow[0] ?? 0 };
    const position = { lane: 'a', ordinal: 1, seq: 1 };
    addMend(rig.mends, { ...own, ...key, position, dueMs: 0 });
    expect(await rig.run()).toBe('done');
    expect(takeMends(rig.mends).map(({ line }) => line.split(' ')[3])).toEqual(['2']);
  });

  test('goes on waiting when it fails, and is not noted as refused when it is', async () => {
    const rig = new Rig();
    rig.put(1, '1', [0, 1], 10);
    rig.find('2', [0, 1], 5);
    rig.answer = () => ({ kind: 'failed', reason: 'away', fault: 'contact' });
    expect(await rig.run()).toMatchObject({ kind: 'failed' });
    expect(rig.givingWay.sinceMs).toBeDefined();
    rig.answer = ({ lines }) => ({
      kind: 'handled',
      refused: lines.filter((line) => line === 0).map((line) => ({ line, error: 'no' })),
    });
    expect(await rig.givingWay.run(systemClock.monotonicMs(), LIMITS)).toBeUndefined();
    expect(rig.givingWay.sinceMs).toBeUndefined();
    // What was noted at the first try may have arrived: what was not refused is put once more.
    expect(takeMends(rig.mends).map(({ line }) => line)).toEqual([lineOf(1, '2').trimEnd()]);
  });

  test('sets aside what breaks every request, and puts all else once', async () => {
    const rig = new Rig();
    const cells = Array.from({ length: 50 }, (_, at) => at);
    rig.put(3, '1', cells, 10);
    rig.find('2', cells, 50);
    const poison = lineOf(33, '2').trimEnd();
    let requests = 0;
    rig.answer = ({ chunk, lines }) => {
      requests += 1;
      const isBroken = lines.some((line) => chunk.text(line) === poison);
      return isBroken ? { kind: 'failed', reason: 'reset', fault: 'contact' } : HANDLED;
    };
    await rig.run();
    for (let tries = 0; rig.givingWay.sinceMs !== undefined && tries < 30; tries += 1) {
      await systemClock.sleep(1, new AbortController().signal);
      rig.canary.send(systemClock.monotonicMs());
      rig.canary.landed(true, systemClock.monotonicMs());
      await rig.givingWay.run(systemClock.monotonicMs(), LIMITS);
    }
    expect(rig.givingWay.sinceMs).toBeUndefined();
    expect(rig.puts.toSorted()).toEqual(
      cells
        .map((cell) => lineOf(cell, '2').trimEnd())
        .filter((line) => line !== poison)
        .toSorted(),
    );
    expect(rig.given).toBe(49);
    expect(requests).toBeLessThan(40);
    expect(rig.suspects.due(Infinity)).toMatchObject([
      { line: poison, isAlone: true, isOfOthers: true, error: 'reset', position: { seq: 3 } },
    ]);
  });

  test('holds the cursor at the record that lost, not at all that was put with it', () => {
    const rig = new Rig();
    rig.put(5, '1', [0], 10);
    rig.find('2', [0], 50);
    expect(rig.winners.position.seq).toBe(5);
    // In the stretch that has this write in its place there are also later records, of which one loses, too.
    const { writes, position } = rig.winners;
    const next = new PutNotes();
    next.departInstead(writes, [0], position).landed(20);
    const chunk = new Chunk(1_024, 16);
    const bytes = Buffer.from(lineOf(7, '1'));
    chunk.add(bytes, 0, bytes.length, { seq: 60, telnet: false, receivedAt: START + 60 });
    chunk.last = { lane: 'a', ordinal: 1, seq: 60 };
    next.depart(chunk, [0], true).landed(20);
    const open = next.stretches.map((stretch) => ({
      stretch,
      contestedUntil: Infinity,
      isFlushed: true,
    }));
    const firstLost = (cell: number): number => {
      const winners = new Winners();
      const frame = frameOf('b', 1, [
        { receivedAt: START + 90, lines: [lineOf(cell, '9').trimEnd()] },
      ]);
      new LaterWrites().find(frame, open, winners);
      return winners.position.seq;
    };
    expect(firstLost(7)).toBe(60);
    expect(firstLost(0)).toBe(5);
    expect(next.positions().map((first) => first?.seq)).toEqual([5]);
  });
});
