import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { Rig } from '../follow/rig.ts';

test('a proxy is told of all that its log has, also of the record that opens it', async () => {
  await using rig = await Rig.start();
  const uncounted = async (): Promise<number> => {
    const [, counted] = /^tsdb_wal_records_logged_total (\d+)$/m.exec(await rig.scrape()) ?? [];
    return rig.proxy.wal.durable.seq - Number(counted);
  };
  await expect.poll(() => rig.proxy.wal.durable.seq).toBeGreaterThan(0);
  await expect.poll(uncounted).toBe(0);
  expect(rig.proxy.durableAt).toBeGreaterThan(0);
});

test('a proxy whose log is lost after an orderly stop knows where that ended', async () => {
  await using rig = await Rig.start();
  const { proxy } = rig;
  await expect.poll(() => proxy.wal.durable.seq).toBeGreaterThan(0);
  await rig.close();
  await rm(join(rig.data, 'wal'), { recursive: true });
  await rig.open();
  const { lane, seq } = proxy.wal.durable;
  const { end, holes } = rig.proxy.wal.recovered;
  expect(end).toMatchObject({ lane, lastSeq: seq });
  expect(holes).toMatchObject([{ lane, to: seq }]);
});

test('a start that can take no data says so in its log', async () => {
  const told: string[] = [];
  const logger = pino({}, { write: (text) => told.push(text) });
  await using rig = await Rig.start({ logger, flags: { 'wal.freeBytesMin': '1048576GiB' } });
  expect(rig.proxy.wal.refusal).toContain('wal.freeBytesMin');
  expect(told.join('')).toContain('the log takes no data: clients are told to try again');
});

test('a start with a clock that was set back says so in its log', async () => {
  const told: string[] = [];
  const logger = pino({}, { write: (text) => told.push(text) });
  let behindMs = 0;
  const clock = { ...systemClock, now: () => Date.now() - behindMs };
  await using rig = await Rig.start({ logger, clock });
  await expect.poll(() => rig.proxy.wal.durable.seq).toBeGreaterThan(0);
  await rig.close();
  await rig.open();
  expect(told.join('')).not.toContain('the wall clock');
  await expect.poll(() => rig.proxy.wal.durable.seq).toBeGreaterThan(0);
  await rig.close();
  behindMs = 3_600_000;
  await rig.open();
  expect(told.join('')).toContain('the wall clock is 60 min behind what was received last');
});
