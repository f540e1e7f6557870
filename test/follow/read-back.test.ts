import { expect, test } from 'vitest';
import { instantKey } from '../kit/tsd-storage.ts';
import { until } from '../kit/until.ts';
import { isAt, Rig } from './rig.ts';

const KEY = instantKey({
  transport: 'telnet',
  metric: 'm',
  timestamp: '1700000000',
  value: '',
  tags: { h: 'x' },
});

test('a float by telnet that ties with an integer is put again before it is read back', async () => {
  await using rig = await Rig.start({ flags: { 'delivery.syncTimeout': '60s' } });
  const put = async (...lines: readonly string[]): Promise<() => boolean> => {
    await rig.put('telnet', ...lines);
    const last = rig.proxy.wal.durable;
    return () => isAt(rig.proxy.primary.confirmed, last);
  };
  // By HTTP it would be stored on eight bytes instead of four, so it isn't put to prove what is stored.
  await until(await put('put warm 1700000000 1.5 h=x'), 'confirmed');
  const isConfirmed = await put('put m 1700000000 301 h=x', 'put m 1700000000 1.5 h=x');
  await until(() => rig.tsd.storage.read(KEY)?.value === '1.5', 'put again');
  await until(isConfirmed, 'confirmed, too');
  expect(rig.proxy.primary.doubt).toBeUndefined();
});
