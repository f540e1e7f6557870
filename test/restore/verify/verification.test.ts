import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QueryClient, type RawQuery } from '../../../src/opentsdb/query-client.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { Difference } from '../../../src/restore/verify/compare-window.ts';
import { compareValue } from '../../../src/restore/verify/compare-value.ts';
import { type ExpectedCell, seriesKey } from '../../../src/restore/verify/expected-cell.ts';
import { Verification, type VerificationCounts } from '../../../src/restore/verify/verification.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';

const BASE_MS = 1_780_000_000_000;
const NEVER = new AbortController().signal;

describe('a value read back', () => {
  test.each([
    ['1', '1', 'exact'],
    ['+5', '5', 'exact'],
    ['007', '7', 'exact'],
    ['-0', '0', 'exact'],
    ['9007199254740993', '9007199254740993', 'exact'],
    ['9007199254740993', '9007199254740992', 'different'],
    ['9007199254740993', '9.007199254740992E15', 'inexact'],
    ['3', '3.0', 'inexact'],
    ['3', '4.0', 'different'],
    ['1.10', '1.1', 'exact'],
    ['1e5', '100000.0', 'exact'],
    [' 1.5 ', '1.5', 'exact'],
    ['1.5f', '1.5', 'exact'],
    ['0x1.8p3', '12.0', 'exact'],
    ['0.1', '0.10000000149011612', 'different'],
    ['-0.0', '-0.0', 'exact'],
    ['-0.0', '0.0', 'different'],
    ['1.0', '1', 'different'],
    ['1e400', 'Infinity', 'exact'],
  ] as const)('%s as %s is %s', (expected, found, result) => {
    expect(compareValue(expected, found)).toBe(result);
  });
});

describe('the verification', () => {
  let tsd: FakeTsd;
  let client: QueryClient;
  beforeAll(async () => {
    tsd = await FakeTsd.start();
    client = new QueryClient({
      target: new URL(tsd.url),
      requestTimeoutMs: 5_000,
      connectionsMax: 2,
    });
  });
  afterAll(async () => {
    await client.close();
    await tsd[Symbol.asyncDispose]();
  });

  test.each(['by instant', 'by series'] as const)(
    'finds each difference that there is, %s',
    async (order) => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(cells(), { selector: keyOf, minLength: 1, maxLength: 40 }),
          fc.array(
            fc.record({
              which: fc.nat(),
              what: fc.constantFrom('lose', 'change', 'add', 'add series'),
            }),
          ),
          async (expected, harms) => {
            const metric = `m${Math.random()}`;
            const state = expected.map((one) => ({ ...one, metric }));
            const stored = new Map(state.map((one) => [keyOf(one), one]));
            for (const { which, what } of harms) harm(state, stored, which, what);
            for (const one of stored.values()) put(tsd, one);
            const { differences, counts } = await verify(client.query.bind(client), state, order);
            expect(differences.map(show).toSorted()).toEqual(
              differencesOf(state, stored, order).map(show).toSorted(),
            );
            const lost = counts.missing + counts.different + counts.unreadable;
            expect(counts.exact + counts.inexact + lost).toBe(state.length);
            expect(counts.cells).toBe(state.length);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  test('asks in bounded windows that together cover all of time', async () => {
    const state = Array.from({ length: 50_000 }, (_, n) =>
      cell(`h=${n % 7}`, BASE_MS + Math.floor(n / 7) * 1_000, '1'),
    );
    const asked: RawQuery[] = [];
    const query = (raw: RawQuery): Promise<{ kind: 'series'; series: never[] }> => {
      asked.push(raw);
      return Promise.resolve({ kind: 'series', series: [] });
    };
    const { counts } = await verify(query, state, 'by instant');
    expect(counts).toMatchObject({
      cells: 50_000,
      missing: 50_000,
      queries: 3,
      seriesWithDifferences: 7,
    });
    expect(asked.map(({ fromMs }) => fromMs)).toEqual([
      0,
      ...asked.slice(0, -1).map(({ toMs }) => toMs + 1),
    ]);
    expect(asked.at(-1)?.toMs).toBeGreaterThan(Date.UTC(2106, 0));
  });

  test('asks for many series of one instant by their names', async () => {
    const state = Array.from({ length: 50_000 }, (_, n) => cell(`h=${n}`, BASE_MS, '1'));
    let largest = 0;
    const query = ({ series }: RawQuery): Promise<{ kind: 'series'; series: never[] }> => {
      largest = Math.max(largest, series?.length ?? Infinity);
      return Promise.resolve({ kind: 'series', series: [] });
    };
    const { counts } = await verify(query, state, 'by instant');
    expect(counts.missing).toBe(50_000);
    expect(largest).toBeLessThanOrEqual(64);
  });

  test('finds the row that cannot be read, and compares the others', async () => {
    const state = Array.from({ length: 100 }, (_, n) =>
      cell('h=a', BASE_MS + n * 1_000, '1', 'bad'),
    );
    for (const one of state) put(tsd, one);
    tsd.storage.flush();
    const badMs = BASE_MS + 41_000;
    tsd.faults.query = ({ start, end }) =>
      start <= badMs && badMs <= end
        ? { status: 400, body: '{"error":{"code":400,"message":"Duplicate timestamp for key"}}' }
        : undefined;
    const { differences, counts } = await verify(client.query.bind(client), state, 'by instant');
    tsd.faults = {};
    expect(counts).toMatchObject({ exact: 99, unreadable: 1 });
    expect(differences).toMatchObject([
      { instantMs: badMs, reason: '400: Duplicate timestamp for key' },
    ]);
  });

  test('says so when the target cannot show a time', async () => {
    const state = [cell('h=a', 4_294_967_000_000, '1', 'late')];
    const { differences } = await verify(client.query.bind(client), state, 'by instant');
    expect(differences.map(({ kind }) => kind)).toEqual(['unreadable']);
  });
});

function cell(tags: string, instantMs: number, value: string, metric = 'm'): ExpectedCell {
  return { metric, tags, instantMs, value, transport: 'http' };
}

function cells(): fc.Arbitrary<ExpectedCell> {
  return fc
    .tuple(
      fc.constantFrom('h=a', 'h=b', 'h=a i=c'),
      fc.integer({ min: 0, max: 30 }),
      fc.constantFrom('1', '2.5', '-7'),
    )
    .map(([tags, n, value]) => cell(tags, BASE_MS + n * 250, value));
}

function harm(
  state: readonly ExpectedCell[],
  stored: Map<string, ExpectedCell>,
  which: number,
  what: string,
): void {
  const one = state[which % state.length];
  if (one === undefined) return;
  const changed = {
    lose: undefined,
    change: { ...one, value: '99' },
    add: { ...one, instantMs: one.instantMs + 100, value: '5' },
    'add series': { ...one, tags: 'h=z' },
  }[what];
  if (changed === undefined) stored.delete(keyOf(one));
  else if (what === 'change' || !stored.has(keyOf(changed))) stored.set(keyOf(changed), changed);
}

/** By the plainest comparison. A query by series doesn't show others. */
function differencesOf(
  state: readonly ExpectedCell[],
  stored: ReadonlyMap<string, ExpectedCell>,
  order: string,
): Difference[] {
  const series = new Set(state.map(({ tags }) => tags));
  const lost = state.flatMap((one): Difference[] => {
    const found = stored.get(keyOf(one));
    if (found === undefined) return [difference('missing', one)];
    return found.value === one.value ? [] : [difference('different', one)];
  });
  const expected = new Set(state.map(keyOf));
  const more = [...stored].flatMap(([key, one]) =>
    expected.has(key) || (order === 'by series' && !series.has(one.tags))
      ? []
      : [difference('unexpected', one)],
  );
  return [...lost, ...more];
}

function difference(
  kind: Difference['kind'],
  { metric, tags, instantMs }: ExpectedCell,
): Difference {
  const pairs = tags.split(' ').map((pair) => pair.split('=') as [string, string]);
  return { kind, metric, tags: Object.fromEntries(pairs), instantMs };
}

function show({ kind, tags, instantMs }: Difference): string {
  return `${kind} ${seriesKey(tags)} ${instantMs}`;
}

function keyOf({ tags, instantMs }: ExpectedCell): string {
  return `${tags} ${instantMs}`;
}

function put(tsd: FakeTsd, { metric, tags, instantMs, value }: ExpectedCell): void {
  const pairs = tags.split(' ').map((pair) => pair.split('=') as [string, string]);
  const timestamp = String(instantMs);
  tsd.storage.write({
    transport: 'http',
    metric,
    timestamp,
    value,
    tags: Object.fromEntries(pairs),
  });
  tsd.storage.flush();
}

async function verify(
  query: ConstructorParameters<typeof Verification>[0]['query'],
  state: readonly ExpectedCell[],
  order: 'by instant' | 'by series',
): Promise<{ differences: Difference[]; counts: VerificationCounts }> {
  const sorted = state.toSorted(
    order === 'by instant'
      ? (a, b) => a.instantMs - b.instantMs || compare(a.tags, b.tags)
      : (a, b) => compare(a.tags, b.tags) || a.instantMs - b.instantMs,
  );
  const differences: Difference[] = [];
  const verification = new Verification({
    query,
    clock: systemClock,
    onDifference: (found) => {
      differences.push(found);
      return Promise.resolve();
    },
  });
  await verification.compare(inBatches(sorted), order, NEVER);
  return { differences, counts: verification.counts };
}

async function* inBatches(all: readonly ExpectedCell[]): AsyncGenerator<readonly ExpectedCell[]> {
  for (let at = 0; at < all.length; at += 1_000) yield all.slice(at, at + 1_000);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
