import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { Load, quantile } from './kit/clients.ts';
import { makeGone, residentMiB, WAYS } from './kit/gone.ts';
import { Ledger, missingIn } from './kit/ledger.ts';
import { tell } from './kit/run.ts';

const ACK_MS = 1_000;
/** Between the time-out of an answer and the answer, on a machine that runs HBase on the same cores. */
const SLACK_MS = 1_500;
const OUTAGE_MS = Number(process.env['OPENTSDB_GONE_S'] ?? 7) * 1_000;
const TEST_MS = 120_000 + OUTAGE_MS;
/** Once the proxy knows that the primary is gone, answers wait for its own log only. */
const KNOWN_MS = 3_000;
const SOON_MS = 500;
const RSS_MIB_MAX = 250;
const GROWTH_MIB_MAX = 80;
const FLAGS =
  '--delivery-ack-timeout=1s --delivery-request-timeout=3s --delivery-sync-timeout=5s --delivery-heal-window=2s'.split(
    ' ',
  );

describeOnStack('while OpenTSDB is gone', (stack) => {
  let tsd: Tsd;
  let wire: TcpProxy;
  let proxy: ProxyProcess;

  beforeAll(async () => {
    tsd = await (await stack()).opentsdb('outage');
    wire = await TcpProxy.start(tsd.port);
    proxy = await ProxyProcess.start({ primary: wire.url, flags: FLAGS, until: 'live' });
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await wire[Symbol.asyncDispose]();
      await tsd.kill9();
    };
  });

  test.each(WAYS)(
    '(%s) collectors see no error, and all is there afterwards',
    { timeout: TEST_MS },
    async (way) => {
      const ledger = new Ledger();
      const metric = `outage.${way.replaceAll(/\W/g, '-')}`;
      const clients = { http: 2, telnet: 2, batch: 10, pauseMs: 50, again: false };
      await using load = new Load({ port: proxy.port, ledger, metric, ...clients });
      // So that the names have their UIDs before, and the memory its usual size.
      await expect.poll(() => ledger.acknowledged.size).toBeGreaterThan(2_000);
      const before = await residentMiB(proxy.pid);
      const bringBack = await makeGone(wire, tsd, way);
      const atGone = ledger.answerMs.length;
      await sleep(KNOWN_MS);
      const atKnown = ledger.answerMs.length;
      await sleep(OUTAGE_MS - KNOWN_MS);
      const atBack = ledger.answerMs.length;
      const during = await residentMiB(proxy.pid);
      const { state } = (await proxy.status()).primary;
      await bringBack();
      // New writes keep coming in meanwhile.
      await proxy.untilLive();
      const atLive = ledger.answerMs.length;
      await expect.poll(() => ledger.answerMs.length).toBeGreaterThan(atLive);
      await load.stop();

      const answerMs = ledger.answerMs.slice(atGone);
      const known = quantile(ledger.answerMs.slice(atKnown, atBack), 0.99);
      const [p99, most] = [quantile(answerMs, 0.99), Math.max(...answerMs)];
      const round = Math.round;
      tell(
        `${way}: ${ledger.acknowledged.size} points, answers p99 ${round(p99)} ms, at most ${round(most)} ms, ` +
          `p99 ${round(known)} ms once known; ${round(before)} MiB before, ${round(during)} MiB during`,
      );
      expect(ledger.errors).toEqual(new Map());
      expect(state.kind).not.toBe('live');
      expect(p99).toBeLessThan(ACK_MS + SLACK_MS);
      expect(known).toBeLessThan(SOON_MS);
      expect(during).toBeLessThan(RSS_MIB_MAX);
      expect(during - before).toBeLessThan(GROWTH_MIB_MAX);
      const missing = (): Promise<unknown> => missingIn(tsd.url, ledger.acknowledged);
      await expect.poll(missing).toEqual([]);
      expect((await proxy.status()).primary.deadLetters).toBe(0);
    },
  );
});
