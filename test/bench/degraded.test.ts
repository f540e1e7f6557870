import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DegradedWatch, untilLive } from '../../bench/degraded.ts';
import { until } from '../kit/until.ts';

describe('while a proxy is measured', () => {
  test('one that was degraded in between, and is live again, was degraded', async () => {
    const asked = await serveStates(['live', 'behind', 'live']);
    const watch = new DegradedWatch(asked.address);
    await until(() => asked.count() > 1, 'two looks');
    expect(await watch.end()).toBe(true);
  });

  test('one that was live at each look was not, and the last look is at the end', async () => {
    const asked = await serveStates(['live']);
    const watch = new DegradedWatch(asked.address);
    await until(() => asked.count() > 0, 'a look');
    expect(await watch.end()).toBe(false);
    expect(asked.count()).toBeGreaterThan(1);
  });

  test('one without an admin address is never degraded', async () => {
    expect(await new DegradedWatch(undefined).end()).toBe(false);
  });

  test('the next run waits until it is live', async () => {
    const asked = await serveStates(['down', 'behind', 'live']);
    await untilLive(asked.address);
    expect(asked.count()).toBe(3);
  });
});

/** Answers /status with these states one after the other, and the last one for good. */
async function serveStates(
  kinds: readonly string[],
): Promise<{ readonly address: string; readonly count: () => number }> {
  let count = 0;
  const server = createServer((_, response) => {
    const kind = kinds[Math.min(count, kinds.length - 1)];
    count += 1;
    response.end(JSON.stringify({ primary: { state: { kind } } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, count: () => count };
}
