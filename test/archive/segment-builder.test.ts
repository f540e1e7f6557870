import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Duckdb, DuckdbError } from '../../src/archive/duckdb.ts';
import { parquetFiles } from '../../src/archive/parquet-files.ts';
import { SegmentBuilder } from '../../src/archive/write/segment-builder.ts';
import { UnreadableBody } from '../../src/archive/write/segment-rows.ts';
import {
  mergeSegmentsStatement,
  SEGMENT_COLUMNS,
  segmentRows,
} from '../../src/archive/format/segment-table.ts';
import { formatRecordHeader } from '../../src/record/record.ts';
import { plainRows, type PlainRecord, type PlainRow } from '../kit/plain-rows.ts';
import { LANE, records } from './log-records.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';

let folder: TempDirectory;
let duckdb: Duckdb;

beforeAll(async () => {
  folder = await tempDirectory('builder [a-z]*');
  const scratch = join(folder.path, 'duckdb');
  duckdb = await Duckdb.open({ scratch, memoryMb: 256, threads: 1 });
  await mkdir(join(folder.path, 'segments'));
});

afterAll(async () => {
  duckdb.close();
  await folder[Symbol.asyncDispose]();
});

function newBuilder(firstSeq = 1): SegmentBuilder {
  return new SegmentBuilder({
    duckdb,
    folder: join(folder.path, 'segments'),
    lane: LANE,
    firstSeq,
  });
}

function record(seq: number, transport: string, line: string): PlainRecord {
  return { seq, receivedAt: seq, transport, source: '-', lines: [line] };
}

/** A frame's body. */
function bodyOf(some: readonly PlainRecord[]): Buffer {
  const texts = some.map(({ lines, ...header }) => {
    const head = formatRecordHeader(header as Parameters<typeof formatRecordHeader>[0]);
    return head + lines.map((line) => `${line}\n`).join('');
  });
  return Buffer.from(texts.join(''));
}

/** The rows of a file in the log's order, every field as text. */
async function readRows(path: string): Promise<PlainRow[]> {
  const columns = SEGMENT_COLUMNS.map((column) => `${column}::varchar as ${column}`);
  const order = 'order by lane, seq::bigint, idx::bigint';
  const rows = await duckdb.rows(
    `select ${columns.join(', ')} from ${segmentRows([path])} ${order}`,
  );
  return rows as PlainRow[];
}

test('a folder that takes no segment says the same each time', async () => {
  const missing = join(folder.path, 'missing');
  const builder = new SegmentBuilder({ duckdb, folder: missing, lane: LANE, firstSeq: 1 });
  await builder.add(bodyOf([record(1, 'http', 'put m 1 1 a=b')]), 0, Infinity);
  await expect(builder.finish()).rejects.toThrow(
    `ENOENT: no such file or directory, open '${missing}'`,
  );
});

describe('a segment', () => {
  test('holds what the log says, by the plainest reading of it', async () => {
    const property = fc.asyncProperty(records, fc.nat(11), async (all, cutAt) => {
      const segments = await mkdtemp(join(folder.path, 'one-'));
      const builder = new SegmentBuilder({
        duckdb,
        folder: segments,
        lane: LANE,
        firstSeq: all[0]?.seq ?? 1,
      });
      // In two frames.
      for (const some of [all.slice(0, cutAt), all.slice(cutAt)]) {
        const body = bodyOf(some);
        const end = some.length === 0 ? 0 : await builder.add(body, 0, Infinity);
        expect(end).toBe(body.length);
      }
      const { facts, data } = await builder.finish();
      const expected = plainRows(LANE, all);
      expect(data === null ? [] : await readRows(data.path)).toEqual(expected);
      expect(data?.rows ?? 0).toBe(expected.length);
      const points = expected.filter(({ kind }) => kind === 'put' || kind === 'put-json');
      const instants = points.map(({ instant_ms }) => Number(instant_ms));
      const of = (kind: string): number => expected.filter((row) => row['kind'] === kind).length;
      const ticks = all
        .flatMap((one) => one.lines)
        .filter((line) => line.startsWith('!tick {"confirmed":"'));
      expect(facts).toEqual({
        firstSeq: all[0]?.seq,
        lastSeq: all.at(-1)?.seq,
        firstMs: all[0]?.receivedAt,
        lastMs: all.at(-1)?.receivedAt,
        records: all.length,
        rows: expected.length,
        points: points.length,
        refused: of('outcome'),
        bypasses: of('bypass'),
        forks: [],
        confirmed: ticks.length === 0 ? null : `${LANE}/7`,
        instantMin: Math.min(...instants),
        instantMax: Math.max(...instants),
        isEnd: false,
      });
      const file = data === null ? undefined : await readFile(data.path);
      expect(file?.length).toBe(data?.bytes);
      expect(file && createHash('sha256').update(file).digest('hex')).toBe(data?.sha256);
      await builder.discard();
      expect(await readdir(segments)).toEqual([]);
    });
    await fc.assert(property, { numRuns: 80 });
  });

  test('is sorted by series, instant and the order of the log', async () => {
    const builder = newBuilder();
    const some = Array.from({ length: 3_000 }, (_, index) => ({
      seq: index + 1,
      receivedAt: 1_000 + index,
      transport: 'http',
      source: '-',
      lines: Array.from(
        { length: 10 },
        (_line, n) =>
          `put m${(index * 7 + n) % 5} ${1 + ((index * 31) % 50)} ${n} b=${n % 3} a=${(index + n) % 7}`,
      ),
    }));
    await builder.add(bodyOf(some), 0, Infinity);
    const { data } = await builder.finish();
    const file = segmentRows([data?.path ?? '']);
    const [found] =
      await duckdb.rows(`select count(*) as rows, count(*) filter (before > me) as wrong from (
      select (metric, tags, instant_ms, seq, idx) as me, lag((metric, tags, instant_ms, seq, idx)) over (order by file_row_number) as before
      from read_parquet(${parquetFiles([data?.path ?? ''])}, file_row_number = true))`);
    expect(found).toEqual({ rows: 30_000n, wrong: 0n });
    expect(
      await duckdb.rows(
        `select distinct tags from ${file} where tags not similar to 'a=[0-6] b=[0-2]'`,
      ),
    ).toEqual([]);
    await builder.discard();
  });

  test('numbers the lines of a record however many they are, and puts its tags in order however they came', async () => {
    const tags = ['a=1 b=2 c=3', 'c=3 b=2 a=1', 'b=2 c=3 a=1', 'c=3 a=1 b=2'];
    const lines = Array.from(
      { length: 12_345 },
      (_, index) => `put m ${1 + index} ${index} ${tags[index % 4] ?? ''}`,
    );
    const builder = newBuilder();
    await builder.add(bodyOf([{ ...record(1, 'http', ''), lines }]), 0, Infinity);
    const { data } = await builder.finish();
    const rows = await readRows(data?.path ?? '');
    expect(rows.map(({ idx, value }) => [idx, value])).toEqual(
      lines.map((_, index) => [String(index), String(index)]),
    );
    expect(new Set(rows.map((row) => row['tags']))).toEqual(new Set(['a=1 b=2 c=3']));
    await builder.discard();
  });

  test('ends with a cut, or with the last record of an orderly stop; the rest of the frame is for the next', async () => {
    for (const end of ['!cut {}', '!close {}']) {
      const all = [
        record(1, 'http', 'put m 1 1 a=b'),
        record(2, 'log', end),
        record(3, 'http', 'put m 3 1 a=b'),
      ];
      const body = bodyOf(all);
      const first = newBuilder();
      const next = await first.add(body, 0, Infinity);
      expect(first.facts).toMatchObject({ firstSeq: 1, lastSeq: 2, isEnd: true });
      expect(next).toBe(bodyOf(all.slice(0, 2)).length);
      const second = newBuilder(3);
      await second.add(body, next, 3);
      expect(second.facts).toMatchObject({ firstSeq: 3, lastSeq: 3, isEnd: false });
      await first.discard();
      await second.discard();
    }
  });

  test('goes no further than it is told', async () => {
    const builder = newBuilder();
    const all = [1, 2, 3].map((seq) => ({
      seq,
      receivedAt: seq,
      transport: 'http',
      source: '-',
      lines: ['put m 1 1 a=b'],
    }));
    expect(await builder.add(bodyOf(all), 0, 2)).toBe(bodyOf(all.slice(0, 2)).length);
    expect(builder.facts).toMatchObject({ lastSeq: 2, records: 2 });
    await builder.discard();
  });

  test('of several others holds the rows of all, in the same order', async () => {
    const paths: string[] = [];
    for (const seq of [1, 2, 3]) {
      const builder = newBuilder(seq);
      const three = ['put m 9 1 a=b', `put m ${seq} 1 a=b`, `put n ${9 - seq} 1 a=b`];
      await builder.add(bodyOf([{ ...record(seq, 'http', ''), lines: three }]), 0, Infinity);
      paths.push((await builder.finish()).data?.path ?? '');
    }
    const merged = join(folder.path, 'merged.parquet');
    const manner = { isSorted: true, compressionLevel: 9 } as const;
    expect(await duckdb.run(mergeSegmentsStatement(paths, merged, manner))).toBe(9);
    const rows = await duckdb.rows(`select metric || timestamp || '/' || seq as row
      from read_parquet(${parquetFiles([merged])}, file_row_number = true) order by file_row_number`);
    expect(rows.map(({ row }) => row)).toEqual([
      'm1/1',
      'm2/2',
      'm3/3',
      'm9/1',
      'm9/2',
      'm9/3',
      'n6/3',
      'n7/2',
      'n8/1',
    ]);
    await Promise.all(paths.map((path) => rm(path)));
  });

  const foreign: readonly [string, Buffer][] = [
    ['text that is no UTF-8', Buffer.from('@2 1 http -\nput m 1 1 a=\u00e9\n', 'latin1')],
    ['another record than is next', Buffer.from('@3 1 http -\nput m 1 1 a=b\n')],
    ['no header', Buffer.from('put m 1 1 a=b\n')],
    ['a header that lacks a field', Buffer.from('@2 1 http\nput m 1 1 a=b\n')],
    ['an unfinished line', Buffer.from('@2 1 http -\nput m 1 1 a=b')],
    ['an unknown line', Buffer.from('@2 1 http -\nput m 1 1 a=b\nrubbish\n')],
    ['a timestamp with a leading zero', Buffer.from('@2 1 http -\nput m 01 1 a=b\n')],
    ['a point without tags', Buffer.from('@2 1 http -\nput m 1 1\n')],
  ];
  test.each(foreign)('takes nothing of a body with %s', async (_what, body) => {
    const builder = newBuilder();
    await builder.add(Buffer.from('@1 1 http -\nput m 1 1 a=b\n'), 0, Infinity);
    await expect(builder.add(body, 0, Infinity)).rejects.toBeInstanceOf(UnreadableBody);
    await builder.add(Buffer.from('@2 1 http -\nput m 2 1 a=b\n'), 0, Infinity);
    const { facts, data } = await builder.finish();
    expect(facts).toMatchObject({ lastSeq: 2, records: 2, points: 2, rows: 2 });
    expect(data?.rows).toBe(2);
    await builder.discard();
  });
});

test('a statement that DuckDB refuses is told, and the next one goes on', async () => {
  const refused = duckdb.run('select from');
  await expect(refused).rejects.toBeInstanceOf(DuckdbError);
  await expect(refused).rejects.toMatchObject({ isFatal: false });
  expect(await duckdb.rows('select 1 as one')).toEqual([{ one: 1 }]);
});

test('what says INTERNAL Error is the end of the instance', () => {
  expect(new DuckdbError('INTERNAL Error: a bug').isFatal).toBe(true);
  expect(new DuckdbError('IO Error: No space left on device').isFatal).toBe(false);
});
