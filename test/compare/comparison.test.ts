import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Comparison } from '../../src/compare/comparison.ts';
import type { HourDifference } from '../../src/compare/difference.ts';
import { WindowSize } from '../../src/compare/window-size.ts';
import { QueryClient, type QueryReply, type RawQuery } from '../../src/opentsdb/query-client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { store } from './kit/pair.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 1_780_000_000_000;
const NEVER = new AbortController().signal;

describe('a comparison', () => {
  let tsds: readonly [FakeTsd, FakeTsd];
  let clients: readonly [QueryClient, QueryClient];
  beforeAll(async () => {
    tsds = [await FakeTsd.start(), await FakeTsd.start()];
    const limits = { requestTimeoutMs: 5_000, connectionsMax: 2 };
    const [source, target] = tsds.map((tsd) => new URL(tsd.url));
    if (source === undefined || target === undefined) throw new Error('there are two');
    clients = [
      new QueryClient({ target: source, ...limits }),
      new QueryClient({ target, ...limits }),
    ];
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    for (const tsd of tsds) await tsd[Symbol.asyncDispose]();
  });

  test('finds each difference that there is, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(contents(), contents(), async (source, target) => {
        const metric = `m${Math.random()}`;
        const lineOf = ([key, value]: readonly [string, string]): string => {
          const [ms, h] = key.split(' ');
          return `put ${metric} ${ms} ${value} h=${h}`;
        };
        store(tsds[0], [...source].map(lineOf));
        store(tsds[1], [...target].map(lineOf));
        const { differences, counts } = await compareAll(metric, {
          source: (query) => clients[0].query(query),
          target: (query) => clients[1].query(query),
        });
        const told = differences.flatMap(({ kind, tags, points }) =>
          points.map((point) => `${kind} ${point.instantMs} ${tags?.['h']}`),
        );
        const keys = new Set([...source.keys(), ...target.keys()]);
        const expected = [...keys].flatMap((key) => {
          const [a, b] = [source.get(key), target.get(key)];
          if (a === b) return [];
          const kind = a === undefined ? 'extra' : b === undefined ? 'missing' : 'different';
          return [`${kind} ${key}`];
        });
        expect(told.toSorted()).toEqual(expected.toSorted());
        expect(counts.points).toEqual({ source: source.size, target: target.size });
      }),
      { numRuns: 20 },
    );
  });

  test('asks in bounded windows that together cover all of time, and empty years in few', async () => {
    // Six months ago it ended; a point every ten seconds of each of 30 series, for a month.
    const endMs = NOW_MS - 180 * 24 * HOUR_MS;
    const asked: RawQuery[] = [];
    let largest = 0;
    const dense = (query: RawQuery): Promise<QueryReply> => {
      asked.push(query);
      const fromMs = Math.max(query.fromMs, endMs - 30 * 24 * HOUR_MS);
      const seconds = Math.max(0, Math.floor((Math.min(query.toMs, endMs) - fromMs) / 1_000));
      largest = Math.max(largest, seconds);
      if (seconds > 24 * 3_600) return tooLarge();
      const cells = Array.from({ length: seconds * 3 }, () => ['1', '1'] as const);
      return Promise.resolve({ kind: 'series', series: [{ metric: 'm', tags: {}, cells }] });
    };
    const reached: number[] = [];
    await new Comparison({
      source: dense,
      target: unknown,
      clock: systemClock,
      onDifferences: () => Promise.resolve(),
    }).compare(
      { metric: 'm', fromMs: 0, toMs: NOW_MS },
      { size: new WindowSize(), onReached: (ms) => reached.push(ms), signal: NEVER },
    );
    // Never more than a day at once of what nobody had seen.
    expect(largest).toBeLessThanOrEqual(25 * 3_600);
    const windows = reached.slice(0, -1);
    expect(windows).toEqual(windows.toSorted((a, b) => b - a));
    expect(reached.at(-1)).toBe(0);
    const starts = new Set(asked.map(({ fromMs }) => fromMs));
    expect(windows.filter((ms) => !starts.has(ms))).toEqual([]);
    const years = asked.filter(({ toMs }) => toMs < endMs - 31 * 24 * HOUR_MS);
    expect(years.length).toBeLessThan(130);
  });

  test('makes windows smaller until an answer is not too large', async () => {
    const { differences } = await compareAll(
      'm',
      { source: tenMinutes, target: nothing },
      NOW_MS - 5 * HOUR_MS,
    );
    expect(differences).toEqual([]);
  });

  test('says which of the two does not answer', async () => {
    const clock = { ...systemClock, sleep: () => Promise.resolve() };
    const comparison = new Comparison({
      source: nothing,
      target: silent,
      clock,
      onDifferences: () => Promise.resolve(),
    });
    const span = { metric: 'm', fromMs: 0, toMs: NOW_MS };
    const options = { size: new WindowSize(), onReached: () => undefined, signal: NEVER };
    await expect(comparison.compare(span, options)).rejects.toMatchObject({
      code: 'TARGET_UNUSABLE',
      message: 'the target: a query has no answer: gone',
    });
  });
});

const nothing = (): Promise<QueryReply> => Promise.resolve({ kind: 'series', series: [] });
const unknown = (): Promise<QueryReply> => Promise.resolve({ kind: 'unknown name' });
const silent = (): Promise<QueryReply> => Promise.resolve({ kind: 'unanswered', reason: 'gone' });
const tooLarge = (): Promise<QueryReply> =>
  Promise.resolve({ kind: 'refused', status: 413, message: 'more' });
const tenMinutes = ({ fromMs, toMs }: RawQuery): Promise<QueryReply> =>
  toMs - fromMs > 10 * 60_000 ? tooLarge() : nothing();

interface Sides {
  readonly source: (query: RawQuery) => Promise<QueryReply>;
  readonly target: (query: RawQuery) => Promise<QueryReply>;
}

async function compareAll(
  metric: string,
  sides: Sides,
  fromMs = 0,
): Promise<{ differences: HourDifference[]; counts: Comparison['counts'] }> {
  const differences: HourDifference[] = [];
  const comparison = new Comparison({
    ...sides,
    clock: systemClock,
    onDifferences: (found) => {
      differences.push(...found);
      return Promise.resolve();
    },
  });
  await comparison.compare(
    { metric, fromMs, toMs: NOW_MS },
    { size: new WindowSize(), onReached: () => undefined, signal: NEVER },
  );
  return { differences, counts: comparison.counts };
}

/** Values by `instant h`. */
function contents(): fc.Arbitrary<Map<string, string>> {
  const instant = fc.oneof(
    fc.integer({ min: 0, max: 5 }).map((n) => NOW_MS - n * 250),
    fc.integer({ min: 0, max: 5 }).map((n) => NOW_MS - n * 1_800_000),
    fc.constantFrom(4_294_967_296, 1_400_000_000_500),
  );
  const key = fc.tuple(instant, fc.constantFrom('a', 'b')).map(([ms, h]) => `${ms} ${h}`);
  return fc
    .array(fc.tuple(key, fc.constantFrom('1', '-7', '9007199254740993', '9007199254740992')), {
      maxLength: 12,
    })
    .map((entries) => new Map(entries));
}
