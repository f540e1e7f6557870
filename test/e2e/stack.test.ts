import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { Stack } from '../../scripts/stack/stack.ts';
import { describeOnStack } from '../kit/real-stack.ts';

describeOnStack('the test stack', (offered) => {
  let stack: Stack;
  let one: Tsd;
  let other: Tsd;

  beforeAll(async () => {
    stack = await offered();
    one = await stack.opentsdb('one');
    other = await stack.opentsdb('one', { settings: { 'tsd.core.auto_create_metrics': 'false' } });
    return async () => {
      await one.kill9();
      await other.kill9();
    };
  });

  test('gives each OpenTSDB tables and settings of its own', async () => {
    expect(await put(one, '&sync', 1_700_000_000)).toContain('"success":1');
    expect(await put(other, '&sync', 1_700_000_000)).toContain('Unknown metric');
    expect(await other.scan('m')).toEqual([]);
  });

  test('shows the stored cells exactly, from a start on', async () => {
    await put(one, '&sync', 1_700_000_000_500);
    const [seconds, millis] = ['m 1700000000 0.1 h=a', 'm 1700000000500 0.1 h=a'];
    expect(await one.scan('m')).toEqual([seconds, millis]);
    expect(await one.scan('m', 1_700_003_600)).toEqual([]);
  });

  test('holds writes back while a table is disabled', async () => {
    await stack.disableTable(one);
    expect(await put(one, '&sync&sync_timeout=1500', 1_700_000_001)).toContain('Write timedout');
    await stack.enableTable(one);
    await expect.poll(() => one.scan('m')).toContain('m 1700000001 0.1 h=a');
  });

  test('brings an OpenTSDB that was killed back with what it had stored', async () => {
    const before = await one.scan('m');
    await one.kill9();
    expect(one.running).toBe(false);
    await expect(fetch(one.url)).rejects.toThrow('fetch failed');
    await one.start();
    expect(await put(one, '&sync', 1_700_000_002)).toContain('"success":1');
    expect(await one.scan('m')).toHaveLength(before.length + 1);
  });

  test('lets an OpenTSDB that is asked to end flush first', async () => {
    await put(one, '', 1_700_000_003);
    await one.stop();
    expect(await one.scan('m')).toContain('m 1700000003 0.1 h=a');
    await one.start();
  });
});

async function put(tsd: Tsd, query: string, timestamp: number): Promise<string> {
  const point = { metric: 'm', timestamp, value: 0.1, tags: { h: 'a' } };
  const init = { method: 'POST', body: JSON.stringify(point) };
  return (await fetch(`${tsd.url}/api/put?details${query}`, init)).text();
}
