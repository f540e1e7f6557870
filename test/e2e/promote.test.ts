import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { freePort } from '../kit/ports.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { tempDirectory } from '../kit/temp.ts';
import { Load } from './kit/clients.ts';
import { Ledger, missingIn } from './kit/ledger.ts';
import { MainProcess } from './kit/main-process.ts';
import { tell } from './kit/run.ts';

const HEAL = ['--delivery-heal-window', '1s'];
/** Where a promotion is cut off: after it has said this. */
const CUTS = ['"event":"held"', '"event":"drained"'] as const;

describeOnStack('a promotion with writes going on', (stack) => {
  let tsds: readonly [Tsd, Tsd, Tsd];

  beforeAll(async () => {
    const offered = await stack();
    tsds = [
      await offered.opentsdb('promote-old'),
      await offered.opentsdb('promote-new'),
      await offered.opentsdb('promote-third'),
    ];
    return async () => {
      await Promise.all(tsds.map((tsd) => tsd.kill9()));
    };
  });

  test(
    'leaves every acknowledged point in the new primary, also when it and the proxy are killed on the way',
    { timeout: 180_000 },
    async () => {
      const [old, next, third] = tsds;
      await using folder = await tempDirectory('promote');
      const flags = ['--archive', 'off', '--wal-segment-bytes', '256KiB', ...HEAL];
      await using proxy = await ProxyProcess.start({ primary: old.url, flags, until: 'live' });
      const ledger = new Ledger();
      const clients = { http: 2, telnet: 2, batch: 20, pauseMs: 20, again: true };
      await using load = new Load({ port: proxy.port, ledger, metric: 'promote', ...clients });

      await using standby = await follow(next);
      await sleep(1_500);
      await using promotion = MainProcess.start('promote', ...namesOf(standby));
      expect([await promotion.end(), promotion.lines]).toEqual([0, expect.anything()]);
      tell(promotion.lines.join('\n    '));
      expect((await proxy.status()).primary.url).toBe(next.url);
      expect((await fetch(`${proxy.url}/api/version`)).status).toBe(200);
      const before = [...ledger.acknowledged];
      await standby.process[Symbol.asyncDispose]();

      await using second = await follow(third);
      await sleep(1_000);
      for (const cut of CUTS) {
        await using run = MainProcess.start('promote', '--json', ...namesOf(second));
        await run.until(cut);
        await Promise.all([run.kill9(), proxy.kill9()]);
        await proxy.start();
      }
      await using run = MainProcess.start('promote', '--json', ...namesOf(second));
      expect([await run.end(), run.lines]).toEqual([0, expect.anything()]);
      await second.process[Symbol.asyncDispose]();
      // Its configuration still names the first one.
      await proxy.kill9();
      await proxy.start();
      const seen = ledger.acknowledged.size;
      await expect.poll(() => ledger.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(seen);
      await load.stop();
      await proxy.untilLive();
      expect((await proxy.status()).primary.url).toBe(third.url);
      tell(`${ledger.acknowledged.size} points acknowledged, ${before.length} by the first`);
      const lost = () => missingIn(third.url, ledger.acknowledged);
      await expect.poll(lost, { timeout: 30_000 }).toEqual([]);
      expect(await missingIn(next.url, before)).toEqual([]);
      // And the old ones got nothing since.
      expect((await missingIn(old.url, ledger.acknowledged)).length).toBeGreaterThan(0);
      expect((await missingIn(next.url, ledger.acknowledged)).length).toBeGreaterThan(0);

      async function follow(target: Tsd) {
        const port = await freePort();
        const admin = ['--admin', `127.0.0.1:${port}`];
        const places = ['--data', proxy.dataDirectory, '--state', join(folder.path, target.name)];
        const standbyFlags = [...places, '--target', target.url, ...admin, ...HEAL];
        const process = MainProcess.start('standby', ...standbyFlags);
        await process.until('"following"');
        const isLive = async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok;
        await expect.poll(isLive, { timeout: 30_000 }).toBe(true);
        return { port, process, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
      }

      function namesOf({ port }: { readonly port: number }): readonly string[] {
        return ['--standby', `127.0.0.1:${port}`, '--proxy', `127.0.0.1:${proxy.adminPort}`];
      }
    },
  );
});
