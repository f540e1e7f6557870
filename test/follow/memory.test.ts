import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { until } from '../kit/until.ts';
import { Rig } from './rig.ts';

const MiB = 1024 * 1024;
const LOG_BYTES = 110 * MiB;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is still in use: other files may have run in this process before. */
function usedBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

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
    const before = usedBytes();
    while (rig.proxy.wal.bytes < LOG_BYTES) {
      await Promise.all([rig.put('http', ...record), rig.put('telnet', ...record)]);
      await sleep(0);
    }
    expect(rig.proxy.primary.state.kind).toBe('down');
    expect(usedBytes() - before).toBeLessThan(30 * MiB);
  });
});
