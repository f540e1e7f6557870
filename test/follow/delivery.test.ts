import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePutLine } from '../../src/opentsdb/put-line.ts';
import type { ReceivedPoint } from '../kit/fake-tsd.ts';
import { instantKey } from '../kit/tsd-storage.ts';
import { PATIENCE_MS } from '../kit/until.ts';
import { BUDGET_MS, playHistories } from './play-histories.ts';
import { isAt, Rig } from './rig.ts';

const AT_ONCE = 6;

type Step =
  | { readonly kind: 'put'; readonly transport: 'http' | 'telnet'; readonly points: Point[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'cut'; readonly moment: 'before' | 'after'; readonly every: number }
  | { readonly kind: 'status' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'crash'; readonly isAway: boolean }
  | { readonly kind: 'outage' }
  | { readonly kind: 'nsre' }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'heal' }
  | { readonly kind: 'restart' };

interface Point {
  readonly series: number;
  readonly instant: number;
  readonly isMs: boolean;
  readonly value: string;
}

const METRICS = ['a.b', 'c.d', 'refused'];
const VALUES = ['1', '300', '70000', '1.5', '0.1', '2', '301', '-1', '5000000000', '1e5', '2.5'];

const point: fc.Arbitrary<Point> = fc.record({
  series: fc.integer({ min: 0, max: 2 }),
  instant: fc.integer({ min: 0, max: 2 }),
  isMs: fc.boolean(),
  value: fc.constantFrom(...VALUES),
});
const put: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('put' as const),
  transport: fc.constantFrom('http' as const, 'telnet' as const),
  points: fc.array(point, { minLength: 1, maxLength: 6 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: put },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ max: 60, min: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      moment: fc.constantFrom('before' as const, 'after' as const),
      every: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'status' }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('slow' as const), ms: fc.constantFrom(40, 300) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), isAway: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'outage' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'nsre' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'freeze' }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'heal' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'restart' }) },
);
const history = fc.array(step, { minLength: 5, maxLength: 60 });

function lineOf({ series, instant, isMs, value }: Point): string {
  const seconds = 1_700_000_000 + instant;
  return `put ${METRICS[series]} ${isMs ? seconds * 1_000 : seconds} ${value} h=x`;
}

async function play(steps: readonly Step[]): Promise<void> {
  await using rig = await Rig.start();
  const unknownMetrics = new Set(['refused']);
  const { tsd } = rig;
  tsd.faults = { unknownMetrics };
  const acknowledged: Promise<unknown>[] = [];
  for (const one of steps) await act(one);
  tsd.thaw();
  tsd.storage.isOut = false;
  tsd.faults = { unknownMetrics };
  await tsd.start();
  // Refused points hold the cursor for a minute: a client that is still there is told at once.
  await rig.live();
  await Promise.race([Promise.all(acknowledged), late('answers')]);
  await quiet(rig);
  await check(rig);

  async function act(one: Step): Promise<void> {
    switch (one.kind) {
      case 'put':
        acknowledged.push(rig.put(one.transport, ...one.points.map(lineOf)));
        return;
      case 'wait':
        return sleep(one.ms);
      case 'cut': {
        let asked = 0;
        const cut = (): 'before' | 'after' | undefined => {
          asked += 1;
          return asked % one.every === 0 ? one.moment : undefined;
        };
        tsd.faults = { ...tsd.faults, cut };
        return;
      }
      case 'status':
        tsd.faults = { ...tsd.faults, status: 500 };
        return;
      case 'slow':
        tsd.faults = { ...tsd.faults, delayMs: one.ms };
        return;
      case 'crash':
        await tsd.crash();
        return one.isAway ? sleep(100) : tsd.start();
      case 'outage':
        tsd.storage.isOut = true;
        return;
      case 'nsre':
        tsd.nsre += 1;
        return;
      case 'freeze':
        tsd.freeze();
        return undefined;
      case 'heal':
        tsd.thaw();
        tsd.storage.isOut = false;
        tsd.faults = { unknownMetrics };
        return tsd.start();
      case 'restart':
        await rig.close();
        return rig.open();
    }
  }
}

/** Resolves once nothing but refused points is left to be done. */
async function quiet(rig: Rig): Promise<void> {
  const { wal, primary } = rig.proxy;
  const { durable } = wal;
  const deadline = Date.now() + 20_000;
  // A TSD that was restarted is noticed by the next round of proofs, a quarter of a second later.
  for (let calm = 0; calm < 8;) {
    const { state, doubt, open, delivered } = primary;
    const isCalm = state.kind === 'live' && doubt === undefined && open.mends === 0;
    const isDone = isAt(delivered, durable) && isCalm;
    if (Date.now() > deadline) {
      throw new Error(`not quiet: ${JSON.stringify({ state, doubt, open, delivered, durable })}`);
    }
    calm = isDone ? calm + 1 : 0;
    await sleep(60);
  }
}

/** The log's fold is what the storage shows, and nothing reached the primary round the log. */
async function check(rig: Rig): Promise<void> {
  const wanted = new Map<string, string>();
  const logged = new Set<string>();
  for (const { transport, lines } of await rig.log()) {
    if (transport === 'log') continue;
    for (const line of lines) {
      const { metric, timestamp, value, tags } = parsePutLine(line);
      const one = { transport, metric, timestamp, value, tags: tags as Record<string, string> };
      logged.add(textOf(one));
      if (metric !== 'refused') wanted.set(instantKey(one), value);
    }
  }
  const { storage, points } = rig.tsd;
  const shown = new Map(storage.keys().map((key) => [key, storage.read(key)?.value]));
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(wanted));
  expect(points.filter((one) => !logged.has(textOf(one)) && !isCanary(one, logged))).toEqual([]);
}

/** A canary of a telnet point is put by HTTP, where that writes the same cell. */
function isCanary(one: ReceivedPoint, logged: ReadonlySet<string>): boolean {
  return one.transport === 'http' && logged.has(textOf({ ...one, transport: 'telnet' }));
}

function textOf({ transport, metric, timestamp, value, tags }: ReceivedPoint): string {
  return JSON.stringify([transport, metric, timestamp, value, tags]);
}

async function late(what: string): Promise<never> {
  await sleep(PATIENCE_MS);
  throw new Error(`no ${what} within ${PATIENCE_MS} ms`);
}

describe('delivery', () => {
  test(
    'after any faults the primary holds the last logged value of every instant',
    { timeout: BUDGET_MS * 3 + 60_000 },
    async () => {
      const played = await playHistories(history, AT_ONCE, (steps) => play(steps));
      expect(played).toBeGreaterThan(0);
    },
  );
});
