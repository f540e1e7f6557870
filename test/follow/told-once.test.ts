import { pino } from 'pino';
import { expect, test } from 'vitest';
import { until } from '../kit/until.ts';
import { line } from './evidence.ts';
import { Rig } from './rig.ts';

test('a fault that OpenTSDB tells with another number each time is logged once', async () => {
  const told: string[] = [];
  const logger = pino({}, { write: (text) => told.push(text) });
  await using rig = await Rig.start({ logger });
  await rig.live();
  let rpcs = 0;
  rig.tsd.faults = {
    get storage() {
      rpcs += 1;
      return `RPC ID [${rpcs}] timed out on RegionClient@5f${rpcs}a(pending=${rpcs})`;
    },
  };
  await rig.put('http', line('a', 1));
  const reasons = new Set<string>();
  await until(() => {
    const { state } = rig.proxy.primary;
    if (state.kind === 'down') reasons.add(state.reason);
    return reasons.size >= 4;
  });
  expect(told.filter((text) => text.includes('RPC ID'))).toHaveLength(1);
});
