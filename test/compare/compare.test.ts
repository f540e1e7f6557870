import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Verifying } from '../kit/verifying.ts';
import { LANES, smallRepository } from '../restore/kit/small-repository.ts';
import { Pair, store } from './kit/pair.ts';

const LINES = [
  'put a.b 1500000000 1 h=a',
  'put a.b 1500000001 9007199254740993 h=a',
  'put a.b 1500003600 1.5 h=b',
  'put c 1600000000500 7 h=a i=c',
  'put été 1600000000 3 h=a',
];

describe('two OpenTSDBs', () => {
  test('with the same content are equal, whatever the log says', async () => {
    await using pair = await Pair.start();
    pair.both(LINES);
    const { result, told } = await pair.compare();
    expect(told).toEqual([]);
    expect(result).toMatchObject({
      outcome: 'equal',
      isComplete: true,
      metrics: 3,
      points: { source: 5, target: 5 },
      equal: 5,
      differences: { missing: 0, extra: 0, different: 0, form: 0, unreadable: 0 },
      settled: 0,
    });
  });

  test('without a metric are equal, and compared at once', async () => {
    await using pair = await Pair.start();
    const { result, events } = await pair.compare();
    expect(result).toMatchObject({ outcome: 'equal', metrics: 0 });
    const told = events.flatMap((one) => (one.event === 'progress' ? [one.progress] : []));
    expect(told).toEqual([1]);
  });

  test('are told apart point by point', async () => {
    await using pair = await Pair.start();
    pair.both(LINES);
    store(pair.source, ['put a.b 1500000002 5 h=a', 'put only.source 1500000000 1 h=a']);
    store(pair.target, [
      'put a.b 1500000001 9007199254740992 h=a',
      'put a.b 1500000000 1 h=c',
      'put été 1600000000 4 h=a',
    ]);
    const { result, told } = await pair.compare();
    expect(told.toSorted()).toEqual([
      'different a.b{h=a} 9007199254740993 9007199254740992',
      'different été{h=a} 3 4',
      'extra a.b{h=c} null 1',
      'missing a.b{h=a} 5 null',
      'missing only.source{h=a} 1 null',
    ]);
    const differences = { missing: 2, extra: 1, different: 2, form: 0, unreadable: 0 };
    expect(result).toMatchObject({ outcome: 'differs', differences });
  });

  test('are compared in the metrics and times that are named', async () => {
    await using pair = await Pair.start();
    store(pair.source, LINES);
    const only = async (request: Parameters<Pair['compare']>[0]): Promise<readonly string[]> =>
      (await pair.compare(request)).told;
    expect(await only({ metrics: ['c'] })).toEqual(['missing c{h=a,i=c} 7 null']);
    expect(
      await only({ metrics: ['a.*'], fromMs: 1_500_000_001_000, toMs: 1_500_003_600_000 }),
    ).toEqual(['missing a.b{h=a} 9007199254740993 null']);
    expect(await only({ metrics: ['a*b'], fromMs: 1_500_000_001_001 })).toEqual([
      'missing a.b{h=b} 1.5 null',
    ]);
    await expect(only({ metrics: ['c', 'aXb'] })).rejects.toThrow('--metric aXb: neither');
  });

  test('differ only in what still differs at the second look', async () => {
    await using pair = await Pair.start();
    pair.both(LINES);
    store(pair.source, ['put a.b 1500000002 5 h=a', 'put a.b 1500000003 5 h=a']);
    let isLate = true;
    const { result, told } = await pair.compare(
      { lagMs: 1 },
      {
        onEvent: (event) => {
          // The last progress of the first look.
          if (event.event !== 'progress' || event.progress < 1 || !isLate) return;
          isLate = false;
          store(pair.target, ['put a.b 1500000002 5 h=a']);
        },
      },
    );
    expect(told).toEqual(['missing a.b{h=a} 5 null']);
    expect(result).toMatchObject({ settled: 1, differences: { missing: 1 } });
  });

  test('are compared but for the series that one cannot read', async () => {
    await using pair = await Pair.start();
    const series = Array.from({ length: 150 }, (_, n) => `put m 1500000000 ${n} h=${n}`);
    pair.both(series);
    store(pair.target, ['put m 1500000000 99 h=7', 'put m 1499997599 1 h=7']);
    pair.source.faults.query = ({ start, end, queries }) => {
      const isBad = queries.some(
        ({ filters }) => filters === undefined || filters.some(({ filter }) => filter === '42'),
      );
      // Whatever part of its row is asked for, and the last second of the hour before.
      const isThen = start < 1_500_001_200_000 && end >= 1_499_997_599_000;
      return isBad && isThen
        ? { status: 400, body: '{"error":{"message":"Duplicate"}}' }
        : undefined;
    };
    const { result, told } = await pair.compare();
    expect(told.toSorted()).toEqual([
      'different m{h=7} 7 99',
      'extra m{h=7} null 1',
      'unreadable m{h=42} source 400: Duplicate',
    ]);
    expect(result).toMatchObject({ outcome: 'differs', differences: { unreadable: 1 } });
  });

  test('are said to be unreadable where nobody knows which series it is', async () => {
    await using pair = await Pair.start();
    pair.both(LINES);
    pair.source.faults.query = ({ start, end, queries: [first] }) =>
      first?.filters === undefined && start < 1_500_001_200_000 && end >= 1_499_997_600_000
        ? { status: 400, body: '{"error":{"message":"Duplicate"}}' }
        : undefined;
    const { told } = await pair.compare({ metrics: ['a.b'] });
    expect(told).toEqual(['unreadable a.b{?} source 400: Duplicate']);
  });

  test('can be left in the middle of it', async () => {
    await using pair = await Pair.start();
    store(pair.source, LINES);
    const stop = new AbortController();
    const { result, told } = await pair.compare(
      { lagMs: 60_000 },
      { signal: stop.signal, onEvent: () => stop.abort() },
    );
    expect(told).toEqual([]);
    expect(result).toMatchObject({
      outcome: null,
      isComplete: false,
      differences: null,
      settled: null,
    });
  });

  test('must both answer', async () => {
    await using pair = await Pair.start();
    await pair.target.stop();
    await expect(pair.compare()).rejects.toMatchObject({ code: 'TARGET_UNUSABLE' });
  });
});

describe('what a repository knows of differences', () => {
  let verifying: Verifying;
  beforeAll(async () => {
    verifying = await Verifying.open();
  });
  afterAll(() => verifying[Symbol.asyncDispose]());

  test('is told with them', async () => {
    await using made = await smallRepository(verifying.duckdb);
    await using pair = await Pair.start();
    const all = LANES.flatMap(({ records }) => records).flatMap(({ lines }) => lines);
    const lines = all.filter((line) => /^(?:put|http)/.test(line));
    store(
      pair.source,
      lines.filter((line) => !/ m 1500000003 8 | o /.test(line)),
    );
    store(pair.target, [...lines, 'put m 1500000000 301 h=a', 'put m 1500000123 1 h=a']);
    const log = { repository: made.repository.place };
    const { told, events, result } = await pair.compare({ log });
    expect(told.toSorted()).toEqual([
      'different m{h=a} 300 301',
      'extra m{h=a} null 1',
      'extra m{h=a} null 8: the primary refused it',
      'extra o{h=a} null 1: the log has it: the source lacks what was written',
      'extra o{h=a} null 2: the log has it: the source lacks what was written',
    ]);
    const changed = events.find(
      (event) => event.event === 'difference' && event.kind === 'different',
    );
    expect(changed).toMatchObject({ points: [{ log: { isRefused: false, value: '300' } }] });
    expect(result.logTo).not.toBeNull();
  });
});
