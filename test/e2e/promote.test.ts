import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { randomTopic } from '../kit/topic.ts';
import { Load } from './kit/clients.ts';
import { Ledger, missingIn } from './kit/ledger.ts';
import { MainProcess } from './kit/main-process.ts';
import { tell } from './kit/run.ts';
import { StandbyProcess } from './kit/standby-process.ts';

const PROXY = ['--archive', 'off', '--wal-segment-bytes', '256KiB'];
const HEAL = ['--delivery-heal-window', '1s'];
/** Where a promotion is cut off: after it has said this. */
const CUTS = ['"event":"held"', '"event":"drained"'] as const;

describeOnStack('a promotion with writes going on', (stack) => {
  let old: Tsd;
  let next: Tsd;
  let topic: readonly string[];

  beforeAll(async () => {
    const offered = await stack();
    const { address } = await offered.kafka();
    topic = ['--kafka', address, '--topic', randomTopic()];
    old = await offered.opentsdb('promote-old');
    next = await offered.opentsdb('promote-new');
    return async () => {
      await Promise.all([old.kill9(), next.kill9()]);
    };
  });

  test(
    'leaves every acknowledged point of two proxies on one topic in the new primary',
    { timeout: 120_000 },
    async () => {
      const made = ['--kafka-topic-create', 'true', '--kafka-topic-replication', '1'];
      const flags = [...PROXY, ...HEAL, ...topic, ...made];
      const options = { primary: old.url, flags, until: 'live' } as const;
      const ledger = new Ledger();
      await using one = await ProxyProcess.start(options);
      await using two = await ProxyProcess.start(options);
      await using oneLoad = loadOf(one, ledger, 'promote.one');
      await using twoLoad = loadOf(two, ledger, 'promote.two');
      const proxies = [one, two];
      const standby = await follow(next, topic, proxies);
      const before = [...ledger.acknowledged];
      await using promotion = MainProcess.start('promote', ...namesOf(standby, proxies));
      expect([await promotion.end(), promotion.lines]).toEqual([0, expect.anything()]);
      tell(promotion.lines.join('\n    '));
      await expectMore(ledger);
      await Promise.all([oneLoad.stop(), twoLoad.stop()]);
      for (const proxy of proxies) {
        await proxy.untilLive();
        expect((await proxy.status()).primary.url).toBe(next.url);
      }
      // Queries go there.
      expect(await missingIn(one.url, before)).toEqual([]);
      await expectHeld(ledger);
    },
  );

  test(
    'does so though it and the proxy are killed on the way, and the old one is still configured',
    { timeout: 120_000 },
    async () => {
      const flags = [...PROXY, ...HEAL];
      await using proxy = await ProxyProcess.start({ primary: old.url, flags, until: 'live' });
      const ledger = new Ledger();
      await using load = loadOf(proxy, ledger, 'promote.killed');
      const standby = await follow(next, ['--data', proxy.dataDirectory], [proxy]);
      const names = namesOf(standby, [proxy]);
      for (const cut of CUTS) {
        await using run = MainProcess.start('promote', '--json', ...names);
        await run.until(cut);
        await Promise.all([run.kill9(), proxy.kill9()]);
        await proxy.start();
      }
      await using run = MainProcess.start('promote', '--json', ...names);
      expect([await run.end(), run.lines]).toEqual([0, expect.anything()]);
      await proxy.kill9();
      await proxy.start();
      await expectMore(ledger);
      await load.stop();
      await proxy.untilLive();
      expect((await proxy.status()).primary.url).toBe(next.url);
      await expectHeld(ledger);
    },
  );

  /** The new primary has all of it, and the old one got nothing of what came last. */
  async function expectHeld({ acknowledged }: Ledger): Promise<void> {
    tell(`${acknowledged.size} points acknowledged`);
    const lost = () => missingIn(next.url, acknowledged);
    await expect.poll(lost, { timeout: 30_000 }).toEqual([]);
    const last = [...acknowledged].slice(-10);
    expect(await missingIn(old.url, last)).toEqual(last);
  }
});

/** A standby that has caught up with these proxies. */
async function follow(
  target: Tsd,
  source: readonly string[],
  proxies: readonly ProxyProcess[],
): Promise<string> {
  const standby = await StandbyProcess.start([...source, '--target', target.url]);
  onTestFinished(() => standby[Symbol.asyncDispose]());
  const { admin } = standby;
  await standby.untilSaid('"following"');
  for (const deadline = Date.now() + 40_000; ;) {
    const look = MainProcess.start('promote', '--dry-run', ...namesOf(admin, proxies));
    if ((await look.end()) === 0) return admin;
    if (Date.now() > deadline) throw new Error([...look.lines, ...standby.lines].join('\n'));
    await sleep(500);
  }
}

function loadOf({ port }: ProxyProcess, ledger: Ledger, metric: string): Load {
  const clients = { http: 2, telnet: 2, batch: 20, pauseMs: 100, again: true };
  return new Load({ port, ledger, metric, ...clients });
}

function namesOf(standby: string, proxies: readonly ProxyProcess[]): readonly string[] {
  const named = proxies.flatMap(({ adminPort }) => ['--proxy', `127.0.0.1:${adminPort}`]);
  return ['--standby', standby, ...named];
}

async function expectMore({ acknowledged }: Ledger): Promise<void> {
  const seen = acknowledged.size;
  await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(seen + 100);
}
