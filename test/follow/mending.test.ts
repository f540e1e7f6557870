import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Applier } from '../../src/follow/deliver/applier.ts';
import type { Batch } from '../../src/follow/deliver/batch.ts';
import { Canary } from '../../src/follow/prove/canary.ts';
import { PAGE_LINES } from '../../src/follow/rewrites/mend-page.ts';
import { Mending, type MendingOptions } from '../../src/follow/rewrites/mending.ts';
import { QuietWatch } from '../../src/follow/prove/quiet-watch.ts';
import { RecentWrites } from '../../src/follow/rewrites/recent-writes.ts';
import { Suspects } from '../../src/follow/deliver/suspects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { addMend } from './open-mends.ts';

const LIMITS = { points: 100, bytes: 65_536 };
const POINT = {
  position: { lane: 'a', ordinal: 1, seq: 1 },
  receivedAt: 0,
  // Of an hour that is neither over nor about to be.
  instant: Date.now() + 3_600_000,
  index: 0,
  low: 0,
};

function mendingWith(
  applier: Partial<Applier>,
  canary = new Canary(),
  unsettled: (points: number) => void = () => undefined,
): Mending {
  const options: MendingOptions = {
    applier: applier as Applier,
    canary,
    recent: new RecentWrites(() => 1_000, 0),
    look: undefined,
    quiet: new QuietWatch(applier as Applier, canary),
    clock: systemClock,
    events: { mended: () => undefined, unsettled },
    flushSpanMs: () => 1_000,
    suspects: new Suspects(),
  };
  return new Mending(options);
}

test('mends that are due together are put within the limits, each once, by the transports they came by, and the TSD is asked once', async () => {
  const puts: string[] = [];
  const sizes: number[] = [];
  let asked = 0;
  const mending = mendingWith({
    isQuiet: () => Promise.resolve((asked += 1) > 0),
    apply: ({ chunk, lines, telnet }: Batch) => {
      puts.push(...lines.map((line) => `${telnet} ${chunk.text(line)}`));
      sizes.push(lines.length);
      return Promise.resolve({ kind: 'handled', refused: [] });
    },
  });
  const wanted: string[] = [];
  for (let high = 1; high <= 5_000; high += 1) {
    const one = { telnet: high % 2 === 0, line: `put a ${high} 1 h=x` };
    wanted.push(`${one.telnet} ${one.line}`);
    addMend(mending.mends, { ...POINT, ...one, high, dueMs: 1_000 });
  }
  while (mending.mends.size > 0) expect(await mending.run(2_000, LIMITS)).toEqual({ kind: 'done' });
  expect(puts.toSorted()).toEqual(wanted.toSorted());
  expect(Math.max(...sizes)).toBe(LIMITS.points);
  expect(asked).toBe(1);
});

test('a full page is one request by default, and all pages use one body’s memory', async () => {
  const { batchPointsMax: points, batchBytesMax: bytes } = (
    await loadConfig({ environment: {}, flags: { primary: 'http://localhost:4242' } })
  ).delivery;
  const bodies: Buffer[] = [];
  const mending = mendingWith({
    isQuiet: () => Promise.resolve(true),
    apply: ({ body }: Batch) => {
      bodies.push(body);
      return Promise.resolve({ kind: 'handled', refused: [] });
    },
  });
  for (let high = 1; high <= 2 * PAGE_LINES; high += 1) {
    const line = `put a ${high} 1 h=x`;
    addMend(mending.mends, { ...POINT, line, telnet: false, high, dueMs: 1_000 });
  }
  while (mending.mends.size > 0) await mending.run(2_000, { points, bytes });
  expect(bodies).toHaveLength(2);
  expect(bodies[0]?.buffer).toBe(bodies[1]?.buffer);
});

test('a mend which the canary on its way may overtake waits again, others do not', async () => {
  const puts: string[] = [];
  const canary = new Canary();
  const applier = {
    isQuiet: () => Promise.resolve(true),
    apply: ({ chunk, lines }: Batch) => {
      puts.push(...lines.map((line) => chunk.text(line)));
      return Promise.resolve({ kind: 'handled' as const, refused: [] });
    },
  };
  const mending = mendingWith(applier, canary);
  const [one, two] = ['put a 1 1 h=x', 'put a 2 1 h=x'];
  addMend(mending.mends, { ...POINT, line: one, telnet: false, high: 1, dueMs: 0 });
  addMend(mending.mends, { ...POINT, line: two, telnet: false, high: 2, dueMs: 0 });
  canary.offerAgain({ ...POINT, line: one, telnet: false, high: 1 });
  canary.send(0);
  await mending.run(10, LIMITS);
  expect(puts).toEqual([two]);
  canary.landed(true, 20);
  expect(await mending.run(1_009, LIMITS)).toBeUndefined();
  await mending.run(1_010, LIMITS);
  expect(puts).toEqual([two, one]);
});

test('mends that are put though the TSD is never quiet are told of as unsettled', async () => {
  let unsettled = 0;
  const applier = {
    isQuiet: () => Promise.resolve(false),
    apply: ({ lines: [refused = 0] }: Batch) =>
      Promise.resolve({ kind: 'handled' as const, refused: [{ line: refused, error: 'no' }] }),
  };
  const mending = mendingWith(applier, new Canary(), (points) => (unsettled += points));
  for (const high of [1, 2, 3])
    addMend(mending.mends, {
      ...POINT,
      line: `put a ${high} 1 h=x`,
      telnet: false,
      high,
      dueMs: 0,
    });
  expect(await mending.run(9_999, LIMITS)).toBeUndefined();
  expect(await mending.run(10_000, LIMITS)).toEqual({ kind: 'done' });
  expect([mending.mends.size, unsettled]).toEqual([0, 2]);
});
