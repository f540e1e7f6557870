import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparePositions, formatPosition } from '../../src/record/position.ts';
import type { RecordTransport } from '../../src/record/record.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { dataOf, readLog, TestLog, present } from '../kit/wal-log.ts';

const line = (n: number, size = 20): string => `put m ${n} 1 a=${'x'.repeat(size)}`;

test('what was durable is read back after a restart, with transport, source and text', async () => {
  await using folder = await tempDirectory('log');
  const first = await TestLog.open(folder.path);
  const written: [RecordTransport, string[]][] = [
    ['http', ['put a.b 1 9007199254740993 h=é', 'put a.b 2 1.10 h=x']],
    ['telnet', ['put a.b 1 1e5 h=x']],
    ['http', ['http POST /api/annotation {"x":"@1 y"}']],
  ];
  for (const [transport, lines] of written) {
    expect((await first.write(lines, transport))?.durable).toBe(true);
  }
  await first.wal.close();
  const second = await TestLog.open(folder.path);
  await second.settle();
  const { entries, holes } = await readLog(second.wal);
  expect(holes).toEqual([]);
  expect(entries.filter((e) => e.transport !== 'log').map((e) => [e.transport, e.lines])).toEqual(
    written,
  );
  expect(second.wal.recovered).toMatchObject({ holes: [], tornBytes: 0, end: { closed: true } });
  const open = entries.findLast((e) => e.lines[0]?.startsWith('!open'))?.lines[0] ?? '';
  expect(JSON.parse(open.slice(6))).toMatchObject({
    previous: { lane: entries[0]?.position.lane, lastSeq: 5 },
    reason: 'start',
    holes: [],
  });
  await second.wal.close();
});

test('a record appended while the news of a durable one is being told is written without another kick', async () => {
  await using folder = await tempDirectory('log');
  // Followers run as many microtasks later as their promises are deep: each depth is tried.
  for (let depth = 0; depth < 8; depth += 1) {
    const log = await TestLog.open(`${folder.path}/${depth}`);
    await log.settle();
    const after = log.wal.durable.seq;
    log.onDurable = async () => {
      for (let turn = 0; turn < depth; turn += 1) await Promise.resolve();
      if (log.wal.durable.seq < after + 5) log.append([line(depth)]);
    };
    log.append([line(depth)]);
    await log.until(() => log.wal.durable.seq >= after + 5);
    await log.wal.close();
  }
});

test('closing in the turn of an append writes the record once, and closes the lane', async () => {
  await using folder = await tempDirectory('log');
  for (let n = 0; n < 5; n += 1) {
    const log = await TestLog.open(folder.path);
    log.append([line(n)]);
    await log.wal.close();
  }
  const log = await TestLog.open(folder.path);
  const { entries, holes } = await readLog(log.wal);
  expect(holes).toEqual([]);
  expect(dataOf(entries).map(([, text]) => text)).toEqual([0, 1, 2, 3, 4].map((n) => line(n)));
  expect(log.wal.recovered).toMatchObject({ tornBytes: 0, end: { closed: true } });
  expect(log.wal.append('http', '-', Buffer.from('x\n'), 1)).toBeDefined();
  await log.wal.close();
  expect(log.wal.append('http', '-', Buffer.from('x\n'), 1)).toBeUndefined();
});

test('a record too large for a frame is a bug, and nothing of it is logged', async () => {
  await using folder = await tempDirectory('log');
  const log = await TestLog.open(folder.path);
  expect(() => log.append([line(1, 300_000)])).toThrow('a record fits into a frame');
  expect((await log.write([line(2)]))?.durable).toBe(true);
  await log.wal.close();
});

test('while nothing can be written the ring takes no more than it holds, and says so', async () => {
  await using folder = await tempDirectory('log');
  const log = await TestLog.open(folder.path);
  let taken = 0;
  while (log.append([line(taken, 100_000)]) !== undefined) taken += 1;
  expect(taken).toBeGreaterThan(10);
  expect(taken).toBeLessThan(30);
  await log.wal.close();
  const next = await TestLog.open(folder.path);
  expect(dataOf((await readLog(next.wal)).entries)).toHaveLength(taken);
  expect(next.wal.recovered.end?.closed).toBe(true);
  await next.wal.close();
});

test('from any position a reader gets every later record once, in order, from files and memory', async () => {
  await using folder = await tempDirectory('log');
  const written: [string, string][] = [];
  const lanes = 3;
  let log: TestLog | undefined;
  for (let lane = 0; lane < lanes; lane += 1) {
    log = await TestLog.open(folder.path);
    for (let n = 0; n < 400; n += 1) {
      const text = line(n, (n * 7919) % (lane === lanes - 1 ? 20_000 : 1_500));
      const position = log.append([text]);
      if (position === undefined) await log.settle();
      else written.push([formatPosition(position), text]);
      if (n % 9 === 0) await log.settle();
    }
    await log.settle();
    if (lane < lanes - 1) await log.wal.close();
  }
  const { wal } = present(log);
  expect(wal.segments.length).toBeGreaterThan(20);
  const { entries, holes } = await readLog(wal);
  expect(holes).toEqual([]);
  expect(dataOf(entries)).toEqual(written);
  const all = entries.map(({ position }) => position);
  expect(wal.frameAfter(present(all.at(-5)))).toBeDefined();
  expect(wal.frameAfter(present(all.at(-350)))).toBeUndefined();
  await fc.assert(
    fc.asyncProperty(fc.nat(all.length - 1), async (index) => {
      const after = all[index];
      const later = await readLog(wal, after);
      expect(later.holes).toEqual([]);
      expect(later.entries.map(({ position }) => position)).toEqual(all.slice(index + 1));
    }),
    { numRuns: 25 },
  );
  await wal.close();
});

test('a reader that runs beside the writer goes from memory to files and back without a hole', async () => {
  await using folder = await tempDirectory('log');
  const log = await TestLog.open(folder.path, { segmentBytes: 1 << 20 });
  const seen: [string, string][] = [];
  const written: [string, string][] = [];
  let place = (await readLog(log.wal)).entries.at(-1)?.position;
  for (let round = 0; round < 40; round += 1) {
    // Now and then more than the ring holds goes by between two reads.
    const count = round % 8 === 7 ? 60 : 3;
    for (let n = 0; n < count; n += 1) {
      const text = line(n, 50_000);
      const done = await log.write([text]);
      written.push([formatPosition(present(done?.position)), text]);
    }
    const { entries, holes } = await readLog(log.wal, place);
    expect(holes).toEqual([]);
    seen.push(...dataOf(entries));
    place = entries.at(-1)?.position ?? place;
  }
  expect(seen).toEqual(written);
  expect(comparePositions(present(place), log.wal.durable)).toBe(0);
  await log.wal.close();
});

test('a lane that waits to be admitted takes the log’s own records and no data, and so does the next', async () => {
  await using folder = await tempDirectory('log');
  const clock = new ManualClock();
  const log = await TestLog.open(folder.path, { clock, barredAtFirst: 'wait' });
  const { wal } = log;
  expect(wal.refusal).toBe('wait');
  expect(log.append([line(1)])).toBeUndefined();
  await log.settle();
  const { lane } = wal.durable;
  wal.explainBar(lane, 'wait for the other');
  wal.admit('another lane');
  expect(wal.refusal).toBe('wait for the other');
  wal.admit(lane);
  wal.explainBar(lane, 'too late');
  expect(wal.refusal).toBeUndefined();
  expect((await log.write([line(1)]))?.durable).toBe(true);

  clock.wall += 5_000;
  await wal.maintain(undefined);
  await log.settle();
  expect(wal.refusal).toBe('wait');
  wal.admit(lane);
  expect(log.append([line(2)])).toBeUndefined();
  wal.admit(wal.durable.lane);
  expect((await log.write([line(2)]))?.durable).toBe(true);
  await wal.close();
});

test('a full disk refuses data also once the lane is admitted', async () => {
  await using folder = await tempDirectory('log');
  const freeBytesMin = Number.MAX_SAFE_INTEGER;
  const log = await TestLog.open(folder.path, { freeBytesMin, barredAtFirst: 'wait' });
  expect(log.wal.refusal).toContain('wal.freeBytesMin');
  await log.settle();
  log.wal.admit(log.wal.durable.lane);
  expect(log.wal.refusal).toContain('wal.freeBytesMin');
  expect(log.append([line(1)])).toBeUndefined();
  await log.wal.close();
});
