import { expect, test } from 'vitest';
import { until } from '../kit/until.ts';
import { line } from './evidence.ts';
import { isAt, Rig } from './rig.ts';

test('an OpenTSDB that is read-only is down for that, gets nothing, and goes on when it is not any more', async () => {
  await using rig = await Rig.start();
  await rig.close();
  const { settings, requests } = rig.tsd;
  settings['tsd.mode'] = 'ro';
  await rig.open();
  await rig.put('http', line('a', 1));
  const asked = (): number => requests.filter((request) => request === 'GET /api/config').length;
  const told = (): string => JSON.stringify(rig.proxy.primary.state);
  const reason = 'it is read-only: set tsd.mode=rw and restart the TSD';
  const down = JSON.stringify({ kind: 'down', reason });
  await until(() => told() === down);
  requests.length = 0;
  await until(() => told() !== down || asked() > 2);
  expect(told()).toBe(down);
  expect(requests.filter((request) => request.includes('/api/put'))).toEqual([]);
  settings['tsd.mode'] = 'rw';
  const { durable } = rig.proxy.wal;
  await until(() => isAt(rig.proxy.primary.confirmed, durable));
  expect(rig.tsd.points.map(({ metric }) => metric)).toContain('a');
});
