import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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

test('a proxy whose log is lost behind an orderly stop knows where that ended', async () => {
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
