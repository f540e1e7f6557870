import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { Stack } from '../../scripts/stack/stack.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { type Collector, HttpCollector, TelnetCollector } from './kit/clients.ts';
import { type Line, missingIn } from './kit/ledger.ts';
import { tell } from './kit/run.ts';

const BURST = 2_000;
/** How long HBase's table is away: `TABLE_DISABLED_S=600` for a longer look. */
const TABLE_DISABLED_MS = Number(process.env['TABLE_DISABLED_S'] ?? 60) * 1_000;

describeOnStack('an OpenTSDB that dies', (offered) => {
  let stack: Stack;
  let tsd: Tsd;
  let proxy: ProxyProcess;

  beforeAll(async () => {
    stack = await offered();
    tsd = await stack.opentsdb('kill9-tsd');
    proxy = await ProxyProcess.start({ primary: tsd.url, until: 'live' });
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await tsd.kill9();
    };
  });

  test.each(['http', 'telnet'] as const)(
    'has every point of bursts by %s that were acknowledged right before',
    async (transport) => {
      const acknowledged: Line[] = [];
      for (let round = 0; round < 3; round += 1) {
        await proxy.untilLive();
        const burst = burstOf(`kill.${transport}.${round}`);
        await putAll(collectorFor(transport, proxy.port), burst);
        await tsd.kill9();
        acknowledged.push(...burst);
        await tsd.start();
      }
      await expectStored(acknowledged);
    },
  );

  test('loses points of such a burst when nothing stands before it', async () => {
    const burst = burstOf('kill.direct');
    // The metric and its tags have their UIDs, as those of the bursts through the proxy.
    await putAll(new HttpCollector(tsd.port), burst.slice(0, 1));
    await sleep(2_000);
    await putAll(new HttpCollector(tsd.port), burst);
    await tsd.kill9();
    await tsd.start();
    await sleep(2_000);
    const stored = burst.length - (await missingIn(tsd.url, burst)).length;
    tell(`direct: OpenTSDB acknowledged ${BURST} points, was killed, and had ${stored} of them`);
  });

  test(
    'has every point that it acknowledged while HBase did not take them',
    { timeout: 180_000 + TABLE_DISABLED_MS },
    async () => {
      await proxy.untilLive();
      await stack.disableTable(tsd);
      const acknowledged: Line[] = [];
      const endMs = Date.now() + TABLE_DISABLED_MS;
      for (let round = 0; Date.now() < endMs; round += 1) {
        for (const transport of ['http', 'telnet'] as const) {
          const burst = burstOf(`disabled.${transport}.${round}`, 200);
          await putAll(collectorFor(transport, proxy.port), burst);
          acknowledged.push(...burst);
        }
        expect((await putDirect(tsd)).status).toBe(204);
        await sleep(1_000);
      }
      tell(`${acknowledged.length} points acknowledged while the table was disabled`);
      await tsd.kill9();
      await stack.enableTable(tsd);
      await tsd.start();
      await expectStored(acknowledged);
    },
  );

  async function expectStored(lines: readonly Line[]): Promise<void> {
    const missing = (): Promise<Line[]> => missingIn(tsd.url, lines);
    await expect.poll(missing, { timeout: 90_000, interval: 500 }).toEqual([]);
    expect((await proxy.status()).primary.deadLetters).toBe(0);
  }
});

function burstOf(metric: string, points = BURST): Line[] {
  const baseMs = Date.now();
  return Array.from({ length: points }, (_, n) => `put ${metric} ${baseMs + n} ${n} h=a`);
}

function collectorFor(transport: 'http' | 'telnet', port: number): Collector {
  return transport === 'http' ? new HttpCollector(port) : new TelnetCollector(port);
}

/** All of them acknowledged, or it throws. */
async function putAll(collector: Collector, lines: readonly Line[]): Promise<void> {
  const error = await collector.put(lines);
  collector.close();
  if (error !== undefined) throw new Error(error);
}

/** The metric has no UID of its own to be made while the table is away: that one is known. */
async function putDirect(tsd: Tsd): Promise<Response> {
  const point = { metric: 'kill.direct', timestamp: 1_700_000_000, value: 1, tags: { h: 'a' } };
  return fetch(`${tsd.url}/api/put`, { method: 'POST', body: JSON.stringify(point) });
}
