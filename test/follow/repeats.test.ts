import { beforeEach, describe, expect, test } from 'vitest';
import type { Applier } from '../../src/follow/deliver/applier.ts';
import { Canary } from '../../src/follow/prove/canary.ts';
import type { RefusedPoint } from '../../src/follow/deliver/logged-point.ts';
import type { Chunk } from '../../src/follow/deliver/chunk.ts';
import { Winners } from '../../src/follow/others/later-writes.ts';
import { WINNERS_MAX } from '../../src/follow/others/look-through.ts';
import { type Mends, MENDS_MAX } from '../../src/follow/rewrites/mends.ts';
import { RecentWrites } from '../../src/follow/rewrites/recent-writes.ts';
import { Repeats } from '../../src/follow/rewrites/repeats.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { addMend, type OpenMend } from './open-mends.ts';

/** Epoch ms, of an hour that is neither over nor about to be. */
const OPEN_MS = Date.now() + 3_600_000;
const LIMITS = { points: 100, bytes: 65_536 };
const UNHEARD = {
  rejected: () => Promise.resolve(),
  mended: () => undefined,
  unsettled: () => undefined,
  gaveWay: () => undefined,
};

/** A quiet TSD that takes all; notes the first line of each request. */
function handling(puts: string[]): Applier {
  return {
    isQuiet: () => Promise.resolve(true),
    apply: ({ chunk }: { readonly chunk: Chunk }) => {
      puts.push(chunk.text(0));
      return Promise.resolve({ kind: 'handled', refused: [] });
    },
  } as unknown as Applier;
}

test('what is refused for good is told of when it is of this lane, not when it is of others', async () => {
  const told: string[] = [];
  const canary = new Canary();
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: {
      apply: () => Promise.resolve({ kind: 'failed', reason: 'reset', fault: 'contact' }),
      answers: () => Promise.resolve(true),
    } as unknown as Applier,
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: {
      ...UNHEARD,
      rejected: async (points) => void told.push(...points.map(({ line }) => line)),
    },
    flushSpanMs: () => 0,
  });
  const position = { lane: 'a', ordinal: 1, seq: 1 };
  const point = (metric: string, high: number, isOfOthers: boolean): RefusedPoint => ({
    position,
    receivedAt: 0,
    instant: 0,
    index: 0,
    telnet: false,
    low: 0,
    error: 'reset',
    isOfOthers,
    line: `put ${metric} 1700000000 1 h=x`,
    high,
  });
  repeats.suspects.setAside(point('own', 1, false), 0, canary.handled);
  repeats.suspects.setAside(point('others', 2, true), 0, canary.handled);
  // What was sent besides them was taken.
  canary.note();
  for (let nowMs = 0; nowMs < 300_000; nowMs += 10_000) await repeats.run(nowMs, LIMITS);
  expect(repeats.suspects.size).toBe(0);
  expect(told).toEqual(['put own 1700000000 1 h=x']);
});

test('where nothing could be sent nothing counts as handled', async () => {
  const canary = new Canary();
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: { isQuiet: () => Promise.resolve(false) } as unknown as Applier,
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: UNHEARD,
    flushSpanMs: () => 0,
  });
  addMend(repeats.mends, {
    position: { lane: 'a', ordinal: 1, seq: 1 },
    receivedAt: 0,
    instant: 0,
    index: 0,
    telnet: false,
    low: 0,
    high: 1,
    line: 'put a 1700000000 1 h=x',
    dueMs: 0,
  });
  expect(await repeats.run(100, LIMITS)).toEqual({ kind: 'done' });
  expect(repeats.mends.size).toBe(1);
  expect(canary.handled).toBe(0);
});

test('mends wait anew when the TSD may write only now what it was sent, and for the proof of all that was handled', async () => {
  const puts: string[] = [];
  const canary = new Canary();
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: handling(puts),
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: UNHEARD,
    flushSpanMs: () => 1_000,
  });
  const line = 'put a 1700000000 1 h=x';
  const position = { lane: 'a', ordinal: 1, seq: 1 };
  const point = { receivedAt: 0, instant: OPEN_MS, index: 0, telnet: false, low: 0, high: 1 };
  addMend(repeats.mends, { ...point, position, line, dueMs: 1_000 });
  canary.offerAgain({ ...point, position, line, high: 2 });
  canary.note();
  repeats.hold(5_000);
  expect(repeats.nextDueMs()).toBe(6_000);
  await repeats.run(6_000, LIMITS);
  expect(puts).toEqual([]);
  canary.send(6_010);
  canary.landed(true, 6_020);
  await repeats.run(6_050, LIMITS);
  expect(puts).toEqual([line]);
});

describe('a write to an hour that is over', () => {
  const SPAN_MS = 1_000;
  let nowMs = 0;
  let compacted: number | undefined = 0;
  let puts: number[] = [];
  let unsettled = 0;
  let read: () => Promise<number | undefined>;
  /** What the TSD compacts as it takes the put. */
  let onPut: (() => void) | undefined;

  async function runUntil(
    endMs: number,
    instant: number,
    other?: { readonly high: number; readonly instant: number },
  ): Promise<{ readonly mends: Mends; readonly isFull: boolean }> {
    nowMs = 0;
    puts = [];
    unsettled = 0;
    const canary = new Canary();
    const repeats = new Repeats({
      doubt: { state: undefined, isPartial: () => false },
      applier: {
        isQuiet: () => Promise.resolve(true),
        compacted: () => read(),
        apply: () => {
          puts.push(nowMs);
          onPut?.();
          return Promise.resolve({ kind: 'handled', refused: [] });
        },
      } as unknown as Applier,
      canary,
      recent: new RecentWrites(() => SPAN_MS, 0),
      look: undefined,
      clock: { ...systemClock, monotonicMs: () => nowMs, now: () => 1_700_000_000_000 },
      events: { ...UNHEARD, unsettled: (points) => (unsettled += points) },
      flushSpanMs: () => SPAN_MS,
    });
    const position = { lane: 'a', ordinal: 1, seq: 1 };
    const line = 'put a 1 1 h=x';
    const times = { receivedAt: 0, instant, dueMs: SPAN_MS };
    const rest = { index: 0, telnet: false, low: 0, high: 1, line, position };
    addMend(repeats.mends, { ...times, ...rest });
    if (other !== undefined) addMend(repeats.mends, { ...times, ...rest, ...other });
    for (; nowMs < endMs && repeats.mends.size > 0; nowMs += 50) {
      const dueMs = repeats.nextDueMs() ?? Infinity;
      // What was put is proven stored before anything is put over it.
      canary.send(nowMs);
      canary.landed(true, nowMs);
      if (dueMs <= nowMs) await repeats.run(nowMs, LIMITS);
    }
    return { mends: repeats.mends, isFull: !repeats.givesRoom(nowMs) };
  }

  const ENDED = 1_700_000_000_000 - 7_200_000;

  beforeEach(() => {
    compacted = 0;
    read = () => Promise.resolve(compacted);
    onPut = undefined;
  });

  test('is put once more when nothing was compacted for two flushes, and is over when nothing was for two others', async () => {
    await runUntil(20_000, ENDED);
    expect(puts).toEqual([3 * SPAN_MS]);
    expect(unsettled).toBe(0);
    expect(nowMs).toBeGreaterThanOrEqual(5 * SPAN_MS);
    expect(nowMs).toBeLessThan(6 * SPAN_MS);
  });

  test('is put again when something was compacted meanwhile', async () => {
    const toCome = [() => (compacted = 7), () => (compacted = 9)];
    onPut = () => void toCome.shift()?.();
    const { mends } = await runUntil(60_000, ENDED);
    expect(puts).toHaveLength(3);
    expect(mends.size).toBe(0);
  });

  test('is not put before what was compacted is written and deleted, a flush each', async () => {
    const counts = [0, 0, 0, 0, 9];
    read = () => Promise.resolve(counts.shift() ?? 9);
    await runUntil(20_000, ENDED);
    // Looked at four times a second: the count moved a second after the write was due.
    expect(puts).toEqual([4 * SPAN_MS]);
  });

  test('is not let go while the TSD does not say what it compacts', async () => {
    read = () => Promise.reject(new Error('timed out'));
    const { mends } = await runUntil(25_000, ENDED);
    expect(puts.length).toBeGreaterThan(0);
    expect(mends.size).toBe(1);
  });

  test('holds up no write of an hour that lasts, nor what is new, while the TSD compacts', async () => {
    let cells = 0;
    read = () => Promise.resolve((cells += 1));
    const other = { high: 2, instant: 1_700_000_000_000 };
    const { mends, isFull } = await runUntil(8_000, ENDED, other);
    expect(puts).toEqual([SPAN_MS]);
    expect(mends).toMatchObject({ size: 1 });
    expect(isFull).toBe(false);
  });

  test('is let go where the TSD compacts without an end, which is told', async () => {
    let cells = 0;
    onPut = () => void (compacted = cells += 1);
    const { mends } = await runUntil(600_000, ENDED);
    expect(puts).toHaveLength(6);
    expect(mends.size).toBe(0);
    expect(unsettled).toBe(1);
  });

  test('is not told of where nothing was compacted after the last time that it is put', async () => {
    let cells = 0;
    onPut = () => void (compacted = Math.min(5, (cells += 1)));
    const { mends } = await runUntil(600_000, ENDED);
    expect(puts).toHaveLength(6);
    expect(mends.size).toBe(0);
    expect(unsettled).toBe(0);
  });

  test('is put once more, and no more, where the TSD compacts nothing', async () => {
    compacted = undefined;
    await runUntil(10_000, ENDED);
    expect(puts).toEqual([SPAN_MS]);
  });

  test('of an hour that is not over, too', async () => {
    onPut = () => void (compacted = (compacted ?? 0) + 1);
    await runUntil(10_000, 1_700_000_000_000);
    expect(puts).toEqual([SPAN_MS]);
  });
});

test('a suspect waits for an earlier write of its instant to be put once more, and asks for nothing meanwhile', async () => {
  const puts: string[] = [];
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: handling(puts),
    canary: new Canary(),
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: UNHEARD,
    flushSpanMs: () => 1_000,
  });
  const instant = OPEN_MS;
  const point = { receivedAt: 0, instant, index: 0, telnet: false, low: 0, high: 1 };
  const at = { lane: 'a', ordinal: 1 };
  const [earlier, later] = ['put a 1 1 h=x', 'put a 1 2 h=x'];
  const doubtful = { ...point, line: earlier, position: { ...at, seq: 1 } };
  addMend(repeats.mends, { ...doubtful, dueMs: 60_000 });
  const refused = { ...point, line: later, position: { ...at, seq: 2 }, error: 'reset' };
  repeats.suspects.setAside(refused, 0, 0);
  let runs = 0;
  for (let nowMs = 0; nowMs < 180_000;) {
    const dueMs = Math.max(nowMs, repeats.nextDueMs() ?? Infinity);
    if (dueMs === Infinity) break;
    nowMs = dueMs;
    runs += 1;
    await repeats.run(nowMs, LIMITS);
  }
  expect(puts).toEqual([earlier, later]);
  expect(runs).toBeLessThan(20);
});

test('what others wrote later waits while what it may add to the mends would be too many', async () => {
  const repeats = new Repeats({
    doubt: { state: undefined, isPartial: () => false },
    applier: { isQuiet: () => Promise.resolve(true) } as unknown as Applier,
    canary: new Canary(),
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    clock: systemClock,
    events: UNHEARD,
    flushSpanMs: () => 0,
  });
  const position = { lane: 'a', ordinal: 1, seq: 1 };
  const rest = { receivedAt: 0, instant: 0, index: 0, telnet: false, line: 'put a 1 1 h=x' };
  const mendOf = (high: number): OpenMend => {
    return { ...rest, position, low: 0, high, dueMs: Infinity };
  };
  for (let high = 0; repeats.mends.size <= MENDS_MAX - WINNERS_MAX; high += 1)
    addMend(repeats.mends, mendOf(high));
  const over = new AbortController();
  const given = repeats.giveWay(new Winners(), over.signal);
  expect(repeats.givesRoom(0)).toBe(true);
  expect(repeats.nextDueMs()).toBe(Infinity);
  const page = repeats.mends.due(Infinity, 'lasting');
  if (page !== undefined) repeats.mends.remove(page, 0);
  expect(repeats.nextDueMs()).toBe(0);
  await repeats.run(systemClock.monotonicMs(), LIMITS);
  await given;
});
