import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { runMain } from '../kit/spawn-main.ts';
import { randomTopic } from '../kit/topic.ts';
import { HttpCollector } from './kit/clients.ts';
import { MainProcess } from './kit/main-process.ts';
import { StandbyProcess } from './kit/standby-process.ts';

describeOnStack('a promotion of which a proxy was not part', (stack) => {
  let topic: readonly string[];

  beforeAll(async () => {
    const { address } = await (await stack()).kafka();
    const made = ['--kafka-topic-create', 'true', '--kafka-topic-replication', '1'];
    topic = ['--kafka', address, '--topic', randomTopic(), ...made];
  });

  test('keeps that one from feeding any when it comes back, and a new one with the old configuration, until they are switched or know better', async () => {
    await using old = await FakeTsd.start();
    await using next = await FakeTsd.start();
    const flags = ['--archive', 'off', '--delivery-heal-window', '1s', ...topic];
    const options = { primary: old.url, flags } as const;
    await using stays = await ProxyProcess.start({ ...options, until: 'live' });
    await using away = await ProxyProcess.start({ ...options, until: 'live' });
    await put(stays, 'before.stays');
    await put(away, 'before.away');
    await away.until(({ primary }) => primary.confirmed !== null);
    await away.terminate();
    const source = topic.slice(0, 4);
    const standby = await StandbyProcess.start([
      ...source,
      '--target',
      next.url,
      '--begin',
      'oldest',
    ]);
    onTestFinished(() => standby[Symbol.asyncDispose]());
    const promote = (...proxies: readonly ProxyProcess[]): readonly string[] => [
      'promote',
      '--standby',
      standby.admin,
      ...proxies.flatMap(({ adminPort }) => ['--proxy', `127.0.0.1:${adminPort}`]),
    ];
    const mayBePromoted = async () => (await runMain(...promote(stays), '--dry-run')).code;
    await expect.poll(mayBePromoted).toBe(0);
    const { code, stderr } = await runMain(...promote(stays));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

    // What is back, and what is new, take writes, and bring the old one nothing.
    await away.start();
    await using fresh = await ProxyProcess.start(options);
    for (const proxy of [away, fresh]) await proxy.until(({ primary }) => isHeld(primary));
    await put(away, 'after.away');
    await put(fresh, 'after.fresh');
    await put(stays, 'after.stays');
    const health = await (await fetch(`${away.adminUrl}/health`)).text();
    const told = `other proxies feed ${next.url} since the promotion of`;
    expect(health).toContain(told);
    const config = ['--primary', old.url, '--data', `${away.dataDirectory}-new`, ...flags];
    expect((await runMain('check-config', ...config)).stderr).toContain(told);

    // A new one whose configuration is right feeds the new one.
    await fresh.terminate();
    await using right = await ProxyProcess.start({
      primary: next.url,
      flags,
      data: fresh.dataDirectory,
      until: 'live',
    });
    expect((await right.status()).primary).toMatchObject({ url: next.url, fencedBy: null });

    // One that comes back with the right one doesn't know where that has to go on.
    await away.terminate();
    await using back = await ProxyProcess.start({
      primary: next.url,
      flags,
      data: away.dataDirectory,
    });
    await back.until(({ primary }) => isHeld(primary));
    await using run = MainProcess.start(...promote(stays, right, back));
    expect([await run.end(), run.lines]).toEqual([0, expect.anything()]);
    await back.untilLive();
    const metrics = ['before.stays', 'before.away', 'after.away', 'after.fresh', 'after.stays'];
    await expect.poll(() => metricsOf(next)).toEqual(new Set(metrics));
    expect(metricsOf(old)).toEqual(new Set(['before.stays', 'before.away']));

    // Alone on the topic, one that lost its directory still finds what the others said last.
    for (const proxy of [stays, back, right]) await proxy.terminate();
    await using lost = await ProxyProcess.start(options);
    await lost.until(({ primary }) => isHeld(primary));
    await put(lost, 'lost');
    expect(metricsOf(old)).not.toContain('lost');
    const body = JSON.stringify({ as: 'next' });
    const claimed = await fetch(`${lost.adminUrl}/primary/claim`, { method: 'POST', body });
    expect(await claimed.json()).toMatchObject({ url: old.url, fencedBy: null, heldSince: null });
    await lost.untilLive();
    expect(metricsOf(old)).toContain('lost');
  });
});

function isHeld(primary: object): boolean {
  return (primary as { readonly fencedBy: object | null }).fencedBy !== null;
}

async function put({ port }: ProxyProcess, metric: string): Promise<void> {
  const collector = new HttpCollector(port);
  expect(await collector.put([`put ${metric} 1750000000 1 host=a`])).toBeUndefined();
  collector.close();
}

function metricsOf({ points }: FakeTsd): Set<string> {
  return new Set(
    points.map(({ metric }) => metric).filter((name) => /^(before|after|lost)/.test(name)),
  );
}
