import { expect, test } from 'vitest';
import { Rig } from '../../follow/rig.ts';

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
