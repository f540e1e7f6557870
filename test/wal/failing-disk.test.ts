import { readdir } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { parseControl } from '../../src/record/control.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { OpenSink } from '../../src/wal/segment-writer.ts';
import { tempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { dataOf, readLog, TestLog } from '../kit/wal-log.ts';
import { diskError, failingSink } from '../kit/wal-sink.ts';

/** Waits a fiftieth of what is asked, so that the tests don't. */
const hasty: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 50, signal),
};

const isData = ({ bytes }: { bytes: Buffer }): boolean => bytes.includes('put ');

describe.each([
  ['never reached the disk', false],
  ['reached the disk all the same', true],
])('a write that fails and %s', (_name, landed) => {
  test('is not durable, ends the lane, and the log goes on in a new one', async () => {
    await using folder = await tempDirectory('fail');
    let fails = false;
    const openSink = failingSink((write) => {
      if (fails && isData(write)) throw diskError('EIO');
    }, landed);
    const log = await TestLog.open(folder.path, { openSink, clock: hasty });
    const before = await log.write(['put before 1 1 a=b']);
    fails = true;
    const failed = await log.write(['put failed 1 1 a=b']);
    fails = false;
    expect(failed?.durable).toBe(false);
    expect(log.lost).toEqual([before?.position]);
    expect(log.append(['put refused 1 1 a=b'])).toBeUndefined();
    expect(log.refused.at(-1)).toContain('EIO');
    await log.until(() => log.opened.length === 2);
    const after = await log.write(['put after 1 1 a=b']);
    expect(after).toMatchObject({ durable: true, position: { ordinal: 2 } });
    const expected = ['put before 1 1 a=b', 'put after 1 1 a=b'];
    const { entries, holes } = await readLog(log.wal);
    expect(holes).toEqual([]);
    expect(dataOf(entries).map(([, text]) => text)).toEqual(expected);
    const open = entries.find(({ position }) => position.ordinal === 2)?.lines[0] ?? '';
    expect(parseControl(open)).toMatchObject({
      reason: 'write failed',
      previous: { lane: before?.position.lane, lastSeq: before?.position.seq },
    });
    await log.wal.close();

    const next = await TestLog.open(folder.path);
    const later = await readLog(next.wal);
    expect(later.holes).toEqual([]);
    expect(next.wal.recovered.holes).toEqual([]);
    expect(dataOf(later.entries).map(([, text]) => text)).toEqual(expected);
    await next.wal.close();
  });
});

test('what the first record of a lane has to say is said by the next when that record fails', async () => {
  await using folder = await tempDirectory('unsaid');
  const clock = new ManualClock();
  let fails = false;
  const openSink = failingSink(({ offset }) => {
    if (!fails || offset === 0) return;
    fails = false;
    throw diskError('EIO');
  });
  const log = await TestLog.open(folder.path, { openSink, clock });
  await log.write(['put before 1 1 a=b']);
  fails = true;
  clock.wall -= 3_600_000;
  await log.wal.maintain(undefined);
  await vi.waitUntil(() => {
    clock.pass(1_000);
    return log.opened.length === 3;
  });
  expect(log.opened).toEqual(['start', 'clock leap', 'write failed']);
  await log.write(['put after 1 1 a=b']);
  const { entries } = await readLog(log.wal);
  const open = entries.find(({ position }) => position.ordinal === 3)?.lines[0] ?? '';
  const control = parseControl(open);
  if (control?.kind !== 'open') throw new Error(open);
  expect(control.reason).toBe('write failed');
  const { from = 0, to = 0 } = control.disputed ?? {};
  expect(from - to).toBeGreaterThan(3_500_000);
  await log.wal.close();
});

test('on a full disk nothing is taken until there is room again, and no files pile up', async () => {
  await using folder = await tempDirectory('full');
  let isFull = false;
  let refusals = 0;
  const openSink = failingSink(() => {
    if (!isFull) return;
    refusals += 1;
    throw diskError('ENOSPC');
  });
  const log = await TestLog.open(folder.path, { openSink, clock: hasty });
  await log.write(['put a 1 1 a=b']);
  isFull = true;
  const burst = [1, 2, 3].map((n) => log.write([`put a ${n} 2 a=b`]));
  expect((await Promise.all(burst)).map((done) => done?.durable)).toEqual([false, false, false]);
  expect(log.lost).toHaveLength(1);
  await vi.waitUntil(() => refusals >= 6);
  expect(log.wal.refusal).toContain('ENOSPC');
  // The lane's own file, and at most the one that a try just under way has not taken back yet.
  const files = (await readdir(folder.path)).filter((name) => name.endsWith('.wal'));
  expect(files.length).toBeLessThanOrEqual(2);
  isFull = false;
  await log.until(() => log.opened.length === 2);
  expect(log.wal.refusal).toBeUndefined();
  expect((await log.write(['put a 3 3 a=b']))?.durable).toBe(true);
  await log.wal.close();
  const next = await TestLog.open(folder.path);
  expect(next.wal.recovered.holes).toEqual([]);
  expect(dataOf((await readLog(next.wal)).entries).map(([, text]) => text)).toEqual([
    'put a 1 1 a=b',
    'put a 3 3 a=b',
  ]);
  await next.wal.close();
});

test('a failure while files are changed ends the lane at its last durable record', async () => {
  await using folder = await tempDirectory('roll');
  let headers = 0;
  const openSink = failingSink(({ offset }) => {
    if (offset !== 0) return;
    headers += 1;
    if (headers === 2) throw diskError('EIO');
  });
  const log = await TestLog.open(folder.path, { openSink, clock: hasty, segmentBytes: 1_000 });
  const results: (boolean | undefined)[] = [];
  for (let n = 0; n < 40; n += 1) {
    const done = await log.write([`put a ${n} 1 a=${'x'.repeat(100)}`]);
    if (done === undefined) await log.until(() => log.wal.refusal === undefined);
    else results.push(done.durable);
  }
  expect(results.filter((durable) => durable === false)).toHaveLength(1);
  const { entries, holes } = await readLog(log.wal);
  expect(holes).toEqual([]);
  expect(dataOf(entries)).toHaveLength(results.length - 1);
  await log.wal.close();
});

test('a lane that cannot be opened for the same reason again and again tells it once', async () => {
  await using folder = await tempDirectory('words');
  let tries = 0;
  const openSink: OpenSink = (path) => {
    tries += 1;
    const error = new Error(`EIO: i/o error, open '${path}'`);
    return Promise.reject(Object.assign(error, { code: 'EIO' }));
  };
  const log = await TestLog.open(folder.path, { openSink, clock: hasty });
  await vi.waitUntil(() => tries >= 4);
  await log.wal.close();
  const told = log.refused.filter((reason) => reason?.includes('EIO'));
  expect(told).toEqual([`the log could not be opened: EIO: i/o error, open '${folder.path}'`]);
});

test('a failure while the log closes is told, and closing ends', async () => {
  await using folder = await tempDirectory('close');
  let fails = false;
  const openSink = failingSink(() => {
    if (fails) throw diskError('EIO');
  });
  const log = await TestLog.open(folder.path, { openSink });
  const last = await log.write(['put a 1 1 a=b']);
  fails = true;
  log.append(['put a 2 1 a=b']);
  await log.wal.close();
  expect(log.lost).toEqual([last?.position]);
});

test('a failure while a leap of the clock ends the lane is told, and a new lane opens', async () => {
  await using folder = await tempDirectory('leap');
  let fails = false;
  let leap = 0;
  const clock: Clock = { ...hasty, now: () => Date.now() + leap };
  const openSink = failingSink(() => {
    if (fails) throw diskError('EIO');
  });
  const log = await TestLog.open(folder.path, { openSink, clock });
  const last = await log.write(['put a 1 1 a=b']);
  fails = true;
  leap = 60_000;
  log.append(['put a 2 1 a=b']);
  await log.wal.maintain(undefined);
  expect(log.lost).toEqual([last?.position]);
  expect(log.wal.refusal).toContain('EIO');
  fails = false;
  await log.until(() => log.opened.length === 2);
  expect(log.opened).toEqual(['start', 'clock leap']);
  expect((await log.write(['put a 3 1 a=b']))?.durable).toBe(true);
  await log.wal.close();
});

test('closing while a new lane is waited for ends at once', async () => {
  await using folder = await tempDirectory('close');
  let fails = false;
  const openSink = failingSink(() => {
    if (fails) throw diskError('EIO');
  });
  // Time stands still: what waits for it never ends.
  const log = await TestLog.open(folder.path, { openSink, clock: new ManualClock() });
  fails = true;
  await log.write(['put a 1 1 a=b']);
  await log.wal.close();
});

test('a start on a full disk serves readers, refuses data, and opens its lane once it can', async () => {
  await using folder = await tempDirectory('full');
  const first = await TestLog.open(folder.path);
  await first.write(['put a 1 1 a=b']);
  await first.wal.close();
  let isFull = true;
  const openSink = failingSink(() => {
    if (isFull) throw diskError('ENOSPC');
  });
  const log = await TestLog.open(folder.path, { openSink, clock: hasty });
  expect(log.wal.refusal).toContain('ENOSPC');
  expect(log.append(['put a 2 1 a=b'])).toBeUndefined();
  expect(dataOf((await readLog(log.wal)).entries)).toHaveLength(1);
  isFull = false;
  await log.until(() => log.opened.length === 1);
  expect(log.opened).toEqual(['start']);
  expect((await log.write(['put a 3 1 a=b']))?.durable).toBe(true);
  await log.wal.close();
});

test('a start in a directory that cannot be used says so', async () => {
  await using folder = await tempDirectory('unusable');
  const openSink = failingSink(() => {
    throw diskError('EROFS');
  });
  await expect(TestLog.open(folder.path, { openSink })).rejects.toMatchObject({
    code: 'DATA_UNUSABLE',
  });
});
