import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePutLine } from '../../src/opentsdb/put-line.ts';
import { readLines, readRecords } from '../../src/record/record.ts';
import { instantKey } from '../kit/tsd-storage.ts';
import { until } from '../kit/until.ts';
import { BUDGET_MS, playHistories } from './play-histories.ts';
import { isAt } from './rig.ts';
import { type SharedLane, SharedRig } from './shared-rig.ts';

const AT_ONCE = 5;
const LANES = 3;

interface Put {
  readonly kind: 'put';
  readonly lane: number;
  readonly transport: 'http' | 'telnet';
  /** Points of each. */
  readonly records: Point[][];
}

type Step =
  | Put
  | { readonly kind: 'wait'; readonly ms: number }
  | {
      readonly kind: 'cut' | 'slow' | 'heal' | 'cutKafka' | 'healKafka' | 'kill';
      readonly lane: number;
    }
  | { readonly kind: 'crash' };

interface Point {
  readonly series: number;
  readonly instant: number;
  readonly value: string;
}

const VALUES = ['1', '300', '70000', '1.5', '0.1', '2', '301', '5000000000'];

const lane = fc.integer({ min: 0, max: LANES - 1 });
const anyPoint: fc.Arbitrary<Point> = fc.record({
  series: fc.integer({ min: 0, max: 1 }),
  instant: fc.integer({ min: 0, max: 2 }),
  value: fc.constantFrom(...VALUES),
});
const put: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('put' as const),
  lane,
  transport: fc.constantFrom('http' as const, 'telnet' as const),
  records: fc.array(fc.array(anyPoint, { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 3,
  }),
});
const fault = fc.constantFrom('cut', 'slow', 'cutKafka', 'kill' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: put },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 800 })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fault as fc.Arbitrary<'cut'>, lane }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('heal' as const), lane }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('healKafka' as const), lane }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'crash' }) },
);
const history = fc.array(step, { minLength: 10, maxLength: 50 });

function lineOf({ series, instant, value }: Point): string {
  return `put m${series} ${1_700_000_000 + instant} ${value} h=x`;
}

function manyOf(value: string): string[] {
  return Array.from({ length: 300 }, (_, at) => `put m ${1_700_000_000 + at} ${value} h=x`);
}

/** A few, with a point of another metric among them. */
function withPoint(value: string, pointValue: string): string[] {
  const few = manyOf(value).slice(0, 4);
  return [...few.slice(0, 2), `put x 1700000000 ${pointValue} h=x`, ...few.slice(2)];
}

async function play(steps: readonly Step[], oldMs: number): Promise<void> {
  await using rig = await SharedRig.start(LANES, oldMs);
  for (const one of steps) await act(rig, one);
  await rig.tsd.start();
  for (const each of rig.lanes) {
    await each.link.set({ kind: 'pass' });
    each.isKafkaCut = false;
  }
  for (const each of rig.lanes) await untilPassed(each);
  check(rig);
}

async function act(rig: SharedRig, one: Step): Promise<void> {
  switch (one.kind) {
    case 'put':
      return putAll(rig.lane(one.lane), one);
    case 'wait':
      return sleep(one.ms);
    case 'cut':
      return rig.lane(one.lane).link.set({ kind: 'refuse' });
    case 'slow':
      return rig.lane(one.lane).link.set({ kind: 'delay', answerMs: 150 });
    case 'heal':
      return rig.lane(one.lane).link.set({ kind: 'pass' });
    case 'cutKafka':
      rig.lane(one.lane).isKafkaCut = true;
      return undefined;
    case 'healKafka':
      rig.lane(one.lane).isKafkaCut = false;
      return undefined;
    case 'kill':
      await rig.lane(one.lane).close();
      return rig.lane(one.lane).open();
    case 'crash':
      await rig.tsd.crash();
      return rig.tsd.start();
  }
}

/** Most of them within one millisecond, in frames of their own. */
async function putAll(to: SharedLane, { transport, records }: Put): Promise<void> {
  const puts: Promise<void>[] = [];
  for (const points of records) {
    puts.push(to.put(transport, points.map(lineOf)));
    await nextTurn();
  }
  await Promise.all(puts);
}

/** Resolves once the cursor has passed all there is. */
async function untilPassed({ primary, log, states }: SharedLane): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!isAt(primary.confirmed, log.wal.durable)) {
    if (Date.now() > deadline) {
      const { state, open, delivered, confirmed } = primary;
      const { durable } = log.wal;
      throw new Error(
        `not passed: ${JSON.stringify({ state, states, open, delivered, confirmed, durable })}`,
      );
    }
    await sleep(20);
  }
}

/** The fold of the topic by receive time is what the storage shows; of several lanes in one millisecond, the last write of any. */
function check({ topic, tsd }: SharedRig): void {
  const latest = new Map<
    string,
    { readonly receivedAt: number; readonly last: Map<string, string> }
  >();
  for (const { lane: of, body } of topic) {
    for (const record of readRecords(body)) {
      if (record.transport === 'log') continue;
      for (const line of readLines(body, record)) {
        const { metric, timestamp, value, tags } = parsePutLine(line);
        const point = { transport: record.transport, metric, timestamp, value };
        const key = instantKey({ ...point, tags: tags as Record<string, string> });
        const before = latest.get(key);
        const { receivedAt } = record;
        if (before?.receivedAt === receivedAt) before.last.set(of, value);
        else if (before === undefined || before.receivedAt < receivedAt)
          latest.set(key, { receivedAt, last: new Map([[of, value]]) });
      }
    }
  }
  const wrong = [...latest].flatMap(([key, { last }]) => {
    const shown = tsd.storage.read(key)?.value ?? 'nothing';
    const values = [...last.values()];
    return values.includes(shown) ? [] : [`${key}: ${shown} instead of ${values.join()}`];
  });
  expect(wrong).toEqual([]);
}

/** The values of all instants that hold one. */
function allShown({ tsd: { storage } }: SharedRig): Set<string | undefined> {
  return new Set(storage.keys().map((key) => storage.read(key)?.value));
}

describe.concurrent('lanes that write to one primary', () => {
  test(
    'leave what was received last at every instant, after any faults',
    { timeout: BUDGET_MS * 3 + 120_000 },
    async () => {
      const played = await playHistories(history, AT_ONCE, (steps, seed) =>
        play(steps, seed % 2 === 0 ? 300 : 3_000),
      );
      expect(played).toBeGreaterThan(0);
    },
  );

  test.each([
    ['comes back after long', 3_500, false],
    ['is killed while it catches up', 1_000, true],
  ] as const)(
    'one that was cut off, was overwritten and %s, gives way',
    async (_what, awayMs, isKilled) => {
      await using rig = await SharedRig.start(2);
      const [first, second] = [rig.lane(0), rig.lane(1)];
      await first.link.set({ kind: 'refuse' });
      await first.put('http', manyOf('1'));
      await sleep(30);
      await second.put('telnet', manyOf('300'));
      await sleep(awayMs);
      await first.link.set({ kind: 'pass' });
      if (isKilled) {
        while (rig.tsd.points.filter(({ value }) => value === '1').length < 100) await sleep(1);
        await first.close();
        await first.open();
      }
      for (const each of rig.lanes) await untilPassed(each);
      check(rig);
      expect(first.givenWay).toBeGreaterThanOrEqual(300);
      // What is old is looked at before it is sent.
      const sent = rig.tsd.points.filter(({ value }) => value === '1');
      expect(sent.length > 0).toBe(isKilled);
      expect(second.givenWay).toBe(0);
    },
  );

  test('one of which the writes are overwritten all the time goes on in its log', async () => {
    await using rig = await SharedRig.start(2);
    const [first, second] = [rig.lane(0), rig.lane(1)];
    const behind: number[] = [];
    // Of an hour that is not over: what goes to those waits longer.
    const begin = Math.floor(Date.now() / 1_000);
    for (let at = 0; at < 110; at += 1) {
      const line = (value: string): string => `put m ${begin + at} ${value} h=x`;
      await first.put('http', [line('1')]);
      await sleep(30);
      await second.put('http', [line('300')]);
      await sleep(100);
      behind.push(first.log.wal.durable.seq - (first.primary.confirmed?.seq ?? 0));
    }
    expect(first.givenWay).toBeGreaterThan(20);
    // Some seconds, not all the way.
    expect(behind.at(-1)).toBeLessThan(90);
    for (const each of rig.lanes) await untilPassed(each);
    check(rig);
  });

  test('one that Kafka did not have puts its writes once more when others can see them', async () => {
    await using rig = await SharedRig.start(2);
    const [first, second] = [rig.lane(0), rig.lane(1)];
    await first.link.set({ kind: 'refuse' });
    second.isKafkaCut = true;
    await first.put('http', manyOf('1'));
    await sleep(30);
    await second.put('telnet', manyOf('300'));
    await until(() => [...allShown(rig)].join() === '300', 'all are 300');
    await first.link.set({ kind: 'pass' });
    await untilPassed(first);
    // It looked, and nothing was there to be seen.
    expect(allShown(rig)).toEqual(new Set(['1']));
    expect(second.primary.confirmed).toBeUndefined();
    second.isKafkaCut = false;
    await untilPassed(second);
    check(rig);
    expect(second.states[0]?.kind).toBe('blind');
  });

  test('what won and breaks every request it is in stops nothing else', async () => {
    await using rig = await SharedRig.start(2, 60_000);
    const [first, second] = [rig.lane(0), rig.lane(1)];
    rig.tsd.faults = { poisonValues: new Set(['666']) };
    await first.link.set({ kind: 'refuse' });
    await first.put('http', withPoint('1', '1'));
    await sleep(30);
    await second.put('http', withPoint('300', '666'));
    await until(() => second.primary.open.suspects === 1, 'set aside');
    await first.link.set({ kind: 'pass' });
    await until(() => first.primary.open.suspects === 1, 'set aside by the other');
    expect(allShown(rig)).toEqual(new Set(['1', '300']));
    await first.put('http', ['put after 1700000000 2 h=x']);
    await until(() => allShown(rig).has('2'), 'delivered');
    // Its position stays, until it is taken after all or refused for good.
    expect(isAt(first.primary.confirmed, first.log.wal.durable)).toBe(false);
  });

  test('one that was alone sends again what it put when it meets another', async () => {
    await using rig = await SharedRig.start(2);
    const [first, second] = [rig.lane(0), rig.lane(1)];
    const isAlone = async (): Promise<boolean> => {
      await first.put('http', manyOf('1').slice(0, 3));
      await sleep(500);
      return first.primary.look?.kind === 'alone';
    };
    await until(isAlone, 'alone');
    await first.put('http', manyOf('2'));
    await second.put('telnet', manyOf('300'));
    await first.put('http', manyOf('2'));
    for (const each of rig.lanes) await untilPassed(each);
    check(rig);
    // On a machine that is busy it may be alone again by now.
    expect(first.states.slice(0, 2).map(({ kind }) => kind)).toEqual(['alone', 'shared']);
  });
});
