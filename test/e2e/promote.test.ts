import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { runMain } from '../kit/spawn-main.ts';
import { tempDirectory } from '../kit/temp.ts';
import { randomTopic } from '../kit/topic.ts';
import { HttpCollector, Load } from './kit/clients.ts';
import { instantOf, Ledger, type Line, missingIn } from './kit/ledger.ts';
import { MainProcess } from './kit/main-process.ts';
import { RestoreProcess } from './kit/restore-process.ts';
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
    const [kafka, ...tsds] = await Promise.all([
      offered.kafka(),
      offered.opentsdb('promote-old'),
      offered.opentsdb('promote-new'),
    ]);
    topic = ['--kafka', kafka.address, '--topic', randomTopic()];
    [old, next] = tsds;
    return async () => {
      await Promise.all([old.kill9(), next.kill9()]);
    };
  });

  test('leaves every acknowledged point of two proxies on one topic in the new primary', async () => {
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
    await expectBothNamed(next, topic, [one, two]);
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
  });

  test('does so though it and the proxy are killed on the way, and the old one is still configured', async () => {
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
  });

  test(
    'as of a moment undoes what came after, in the new primary and for restores, though a proxy is killed on the way',
    { timeout: 180_000 },
    async () => {
      const made = ['--kafka-topic-create', 'true', '--kafka-topic-replication', '1'];
      const own = [...topic.slice(0, -1), randomTopic()];
      const flags = [...PROXY, ...HEAL, ...own, ...made];
      await using one = await ProxyProcess.start({ primary: old.url, flags, until: 'live' });
      await using two = await ProxyProcess.start({ primary: old.url, flags, until: 'live' });
      const proxies = [one, two];
      const before = new Ledger();
      const after = new Ledger();
      const load = proxies.map((proxy, index) => loadOf(proxy, before, `asof.before${index}`));
      const right = cells('asof', 1);
      const wrong = [...cells('asof', 666), ...cells('asof.more', 666)];
      await putBy(proxies, right);
      const standby = await follow(next, own, proxies, ['--delay', '30s']);
      const kept = [...before.acknowledged];
      await sleep(50);
      const asOf = Date.now();
      await sleep(50);
      await putBy(proxies, wrong);
      const wrongMs = Date.now();
      const names = [...namesOf(standby, proxies), '--as-of', String(asOf), '--json'];
      {
        await using run = MainProcess.start('promote', ...names);
        await run.until('"event":"undoing"');
        await Promise.all([run.kill9(), one.kill9()]);
      }
      await Promise.all(load.map((each) => each.stop()));
      await one.start();
      const later = proxies.map((proxy, index) => loadOf(proxy, after, `asof.after${index}`));
      await expectMore(after);
      await using run = MainProcess.start('promote', ...names);
      expect([await run.end(), run.lines]).toEqual([0, expect.anything()]);
      tell(run.lines.join('\n    '));
      await two.kill9();
      // The log has it, too.
      await rm(join(two.dataDirectory, 'forks.json'));
      await two.start();
      await Promise.all(later.map((each) => each.stop()));
      for (const proxy of proxies) await proxy.untilLive();
      const wanted = [...right, ...kept, ...after.acknowledged];
      await expect.poll(() => missingIn(next.url, wanted)).toEqual([]);
      expect(await missingIn(next.url, wrong)).toEqual(wrong);
      expect(await missingIn(old.url, wrong)).toEqual([]);
      // The log shows what was then, and what counts now.
      const from = ['--data', one.dataDirectory, ...own];
      await using then = await restored([...from, '--to', String(wrongMs)]);
      expect(lackingIn(then, [...wrong, ...kept])).toEqual([]);
      await using now = await restored([...from, '--to', 'safe']);
      expect(lackingIn(now, wanted)).toEqual([]);
      expect(lackingIn(now, wrong)).toEqual(wrong);
    },
  );

  /** The new primary has all of it, and the old one got nothing of what came last. */
  async function expectHeld({ acknowledged }: Ledger): Promise<void> {
    tell(`${acknowledged.size} points acknowledged`);
    const lost = () => missingIn(next.url, acknowledged);
    await expect.poll(lost).toEqual([]);
    const last = [...acknowledged].slice(-10);
    expect(await missingIn(old.url, last)).toEqual(last);
  }
});

/** A standby that has caught up with these proxies. Its target holds what an earlier test gave it. */
async function follow(
  target: Tsd,
  source: readonly string[],
  proxies: readonly ProxyProcess[],
  more: readonly string[] = [],
): Promise<string> {
  const flags = [...source, '--target', target.url, '--begin', 'oldest'];
  const standby = await StandbyProcess.start(flags, more);
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

/** A standby that begins now and has applied nothing knows of two proxies that write; none of them may be left out as of then. */
async function expectBothNamed(
  { url }: Tsd,
  source: readonly string[],
  [one, two]: readonly [ProxyProcess, ProxyProcess],
): Promise<void> {
  const asOf = Date.now();
  const begin = ['--begin', new Date(asOf).toISOString(), '--delay', '1h'];
  await using standby = await StandbyProcess.start([...source, '--target', url], begin);
  await standby.until(({ seen }) => seen.complete && seen.lanes.length === 2);
  const promote = async (...proxies: readonly ProxyProcess[]) =>
    runMain('promote', ...namesOf(standby.admin, proxies), '--as-of', String(asOf), '--dry-run');
  for (const left of [one, two]) {
    const { code, stderr } = await promote(left);
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stderr).toContain('has written since');
  }
  const { code, stderr } = await promote(one, two);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  // Nor does what it has not applied stand against making it the primary as of now.
  const now = await runMain('promote', ...namesOf(standby.admin, [one, two]), '--dry-run');
  expect(now).toMatchObject({ code: 0, stdout: expect.stringContaining('has a delay') as string });
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
  await expect.poll(() => acknowledged.size).toBeGreaterThan(seen + 100);
}

/** The same instants, with a value. */
function cells(metric: string, value: number): Line[] {
  return Array.from({ length: 40 }, (_, n) => {
    return `put ${metric} ${1_750_000_000 + n} ${value} host=h${n % 2}`;
  });
}

/** Each proxy gets its share. */
async function putBy(proxies: readonly ProxyProcess[], lines: readonly Line[]): Promise<void> {
  for (const [index, { port }] of proxies.entries()) {
    const collector = new HttpCollector(port);
    const own = lines.filter((_, at) => at % proxies.length === index);
    expect(await collector.put(own)).toBeUndefined();
    collector.close();
  }
}

/** An OpenTSDB into which a time was restored. */
async function restored(flags: readonly string[]): Promise<FakeTsd> {
  const target = await FakeTsd.start();
  await using folder = await tempDirectory('restored');
  const work = ['--work', folder.path, '--target', target.url];
  const { code, stderr } = await RestoreProcess.start([...flags, ...work]).end();
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return target;
}

/** Those that it does not hold as the last of their instants. */
function lackingIn({ points }: FakeTsd, lines: readonly Line[]): Line[] {
  const held = new Map<string, string>();
  for (const { metric, timestamp, value, tags } of points) {
    const pairs = Object.entries(tags).map(([key, text]) => `${key}=${text}`);
    held.set(instantOf(`put ${metric} ${timestamp} ${value} ${pairs.join(' ')}`), value);
  }
  return lines.filter((line) => held.get(instantOf(line)) !== line.split(' ')[3]);
}
