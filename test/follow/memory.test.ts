import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const MiB = 1024 * 1024;
const LOG_BYTES = 110 * MiB;

describe('with a dead primary', () => {
  test('memory stays bounded while the log grows', async () => {
    await using rig = await Rig.start();
    await rig.tsd.stop();
    await rig.put('http', 'put a 1700000000 1 h=x');
    await until(() => rig.proxy.primary.state.kind === 'down', 'down');
    const record = Array.from(
      { length: 2_000 },
      (_, at) => `put sys.cpu.user ${1_700_000_000 + at} 42.5 host=web01 cpu=${at}`,
    );
    await rig.put('http', ...record);
    const before = process.memoryUsage();
    while (rig.proxy.wal.bytes < LOG_BYTES) {
      await Promise.all([rig.put('http', ...record), rig.put('telnet', ...record)]);
      await sleep(0);
    }
    const after = process.memoryUsage();
    expect(rig.proxy.primary.state.kind).toBe('down');
    expect(after.external - before.external).toBeLessThan(30 * MiB);
    expect(after.rss - before.rss).toBeLessThan(120 * MiB);
  });
});
