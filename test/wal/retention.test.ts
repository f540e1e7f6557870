import { mkdir, readdir, rm } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparePositions, type Position } from '../../src/record/position.ts';
import type { Segment } from '../../src/wal/log-files.ts';
import { expiredSegments } from '../../src/wal/retention.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { tempDirectory } from '../kit/temp.ts';
import { readLog, TestLog, present } from '../kit/wal-log.ts';

const segment = (n: number): Segment => ({
  path: `${n}`,
  lane: 'a',
  ordinal: 1,
  firstSeq: n * 10 + 1,
  lastSeq: n * 10 + 10,
  createdAt: n * 1_000,
  bytes: 100,
  previous: undefined,
});

test('only files that all passed go, oldest first, when they are old or their space is needed', () => {
  const state = fc.record({
    count: fc.integer({ min: 1, max: 12 }),
    now: fc.nat(15_000),
    retentionMs: fc.nat(10_000),
    passed: fc.option(fc.nat(130), { nil: undefined }),
    bytesMax: fc.nat(1_300),
  });
  fc.assert(
    fc.property(state, ({ count, passed: seq, ...rest }) => {
      const segments = Array.from({ length: count }, (_, n) => segment(n));
      const passed: Position | undefined =
        seq === undefined ? undefined : { lane: 'a', ordinal: 1, seq };
      const expired = expiredSegments({
        ...rest,
        segments,
        leaps: [],
        passed,
        bytes: count * 100,
      });
      expect(expired).toEqual(segments.slice(0, expired.length));
      expect(expired.length).toBeLessThan(count);
      for (const [index, { lane, ordinal, lastSeq, createdAt }] of expired.entries()) {
        expect(passed).toBeDefined();
        expect(comparePositions({ lane, ordinal, seq: lastSeq }, present(passed))).not.toBe(1);
        expect(lastSeq).toBeLessThanOrEqual(seq ?? 0);
        const endedAt = createdAt + 1_000;
        const isNeeded = (count - index) * 100 > rest.bytesMax;
        expect(rest.now - endedAt > rest.retentionMs || isNeeded).toBe(true);
      }
      const next = segments[expired.length];
      const isKeptForAReason =
        next === undefined ||
        expired.length === count - 1 ||
        next.lastSeq > (seq ?? 0) ||
        (rest.now - next.createdAt - 1_000 <= rest.retentionMs &&
          (count - expired.length) * 100 <= rest.bytesMax);
      expect(isKeptForAReason).toBe(true);
    }),
  );
});

const line = (n: number): string[] => [`put a ${n} 1 a=${'x'.repeat(400)}`];

test('at wal.bytesMax data is refused with the reason, the log still writes its own, and takes data again', async () => {
  await using folder = await tempDirectory('limit');
  const log = await TestLog.open(folder.path, { segmentBytes: 2_000, bytesMax: 10_000 });
  let last: Position | undefined;
  for (let n = 0; log.wal.bytes <= 10_000; n += 1) last = (await log.write(line(n)))?.position;
  await log.wal.maintain(undefined);
  expect(log.wal.refusal).toContain('wal.bytesMax');
  expect(log.append(line(0))).toBeUndefined();
  expect(log.wal.appendControl({ kind: 'tick', confirmed: null })).toBeDefined();
  await log.settle();
  await log.wal.maintain(last);
  expect(log.wal.refusal).toBeUndefined();
  expect(log.wal.bytes).toBeLessThanOrEqual(10_000);
  expect(log.expired.length).toBeGreaterThan(0);
  expect(log.refused.filter((reason) => reason?.includes('bytesMax'))).toHaveLength(1);
  expect((await log.write(line(1)))?.durable).toBe(true);
  const { holes } = await readLog(log.wal, last);
  expect(holes).toEqual([]);
  await log.wal.close();
  const next = await TestLog.open(folder.path);
  expect(next.wal.recovered.holes).toEqual([]);
  expect((await readLog(next.wal)).holes).toEqual([]);
  await next.wal.close();
});

test('with less than wal.freeBytesMin free data is refused with the reason, from the first record on', async () => {
  await using folder = await tempDirectory('limit');
  const log = await TestLog.open(folder.path, { freeBytesMin: Number.MAX_SAFE_INTEGER });
  expect(log.wal.refusal).toContain('wal.freeBytesMin');
  expect(log.append(line(0))).toBeUndefined();
  await log.settle();
  await log.wal.close();
});

test('a clock that leaps by years, and back, makes no file older or younger than it is', async () => {
  await using folder = await tempDirectory('leap');
  const clock = new ManualClock();
  const log = await TestLog.open(folder.path, { clock, segmentBytes: 1_000, retentionMs: 60_000 });
  for (let n = 0; n < 10; n += 1) await log.write(line(n));
  const years = 10 * 365 * 86_400_000;
  for (const leap of [years, -years]) {
    clock.pass(1_000);
    clock.wall += leap;
    await log.wal.maintain(undefined);
    const last = (await log.write(line(0)))?.position;
    await log.wal.maintain(last);
    await log.wal.maintain(last);
  }
  expect(log.opened).toHaveLength(3);
  expect(log.expired).toEqual([]);
  const last = (await log.write(line(0)))?.position;
  clock.pass(61_000);
  await log.wal.maintain(last);
  expect(log.wal.segments.length).toBeLessThan(3);
  await log.wal.close();
});

test('old files go once passed, and a file that cannot be removed is told once and tried again', async () => {
  await using folder = await tempDirectory('old');
  const clock = new ManualClock();
  const log = await TestLog.open(folder.path, { clock, segmentBytes: 1_000, retentionMs: 60_000 });
  let last: Position | undefined;
  for (let n = 0; n < 20; n += 1) last = (await log.write(line(n)))?.position;
  const count = log.wal.segments.length;
  await log.wal.maintain(last);
  expect(log.wal.segments).toHaveLength(count);
  clock.pass(60_001);
  await log.wal.maintain(undefined);
  expect(log.wal.segments).toHaveLength(count);

  const path = log.wal.segments[1]?.path ?? '';
  await rm(path);
  await mkdir(path);
  await log.wal.maintain(last);
  await log.wal.maintain(last);
  expect(log.wal.segments[0]?.path).toBe(path);
  expect(log.hindered).toEqual([expect.stringContaining(path)]);
  expect(log.wal.refusal).toBeUndefined();
  await rm(path, { recursive: true });
  await log.wal.maintain(last);
  expect(log.hindered.at(-1)).toBeUndefined();
  expect(log.wal.segments).toHaveLength(1);
  expect(log.expired).toHaveLength(count - 1);
  expect((await readdir(folder.path)).filter((name) => name.endsWith('.wal'))).toHaveLength(1);
  await log.wal.close();
});

test('the folder vanishing makes maintaining tell nothing worse than a refusal', async () => {
  await using folder = await tempDirectory('gone');
  const log = await TestLog.open(`${folder.path}/wal`);
  await rm(`${folder.path}/wal`, { recursive: true });
  await expect(log.wal.maintain(undefined)).resolves.toBeUndefined();
  await log.wal.close();
});
