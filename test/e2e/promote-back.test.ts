import { describe, expect, test } from 'vitest';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { runMain } from '../kit/spawn-main.ts';
import { HttpCollector } from './kit/clients.ts';
import { StandbyProcess } from './kit/standby-process.ts';

const HEAL = ['--delivery-heal-window', '500ms'];
/** Of the minute that a promotion spares itself; all clocks are one here. */
const SPARE_MS = 55_000;

describe('a primary that was lost, and came back with what it had,', () => {
  test('is a standby from the time that the promotion told, and is promoted back with all that counts', async () => {
    await using old = await FakeTsd.start();
    await using next = await FakeTsd.start();
    const flags = ['--archive', 'off', ...HEAL];
    await using proxy = await ProxyProcess.start({ primary: old.url, flags, until: 'live' });
    const collector = new HttpCollector(proxy.port);
    const put = async (...points: readonly string[]): Promise<void> => {
      const lines = points.map((point) => `put ${point} host=a`);
      expect(await collector.put(lines)).toBeUndefined();
    };
    await put('kept 1750000000 1', 'both 1750000000 1', 'over 1750000000 1');
    await put('both 1750000000 2.5');
    const source = ['--data', proxy.dataDirectory];
    await using first = await StandbyProcess.start([...source, '--target', next.url]);
    await untilReady(first, proxy);

    await put('lost 1750000000 1');
    await old.crash();
    await put('outage 1750000000 1');
    const storedTo = await promoted(first, proxy);
    await proxy.untilLive();
    await first[Symbol.asyncDispose]();
    // Another form of what the old one has.
    await put('over 1750000000 7.5', 'new 1750000000 1');

    await old.start();
    const begin = new Date(Date.parse(storedTo) + SPARE_MS).toISOString();
    const back = ['--target', old.url, '--begin', begin];
    await using second = await StandbyProcess.start([...source, ...back]);
    await untilReady(second, proxy);
    await promoted(second, proxy);
    await proxy.untilLive();
    await put('after 1750000000 1', 'new 1750000000 2');
    collector.close();
    expect((await proxy.status()).primary.url).toBe(old.url);
    const wanted = { kept: '1', both: '2.5', over: '7.5', lost: '1', outage: '1', after: '1' };
    await expect.poll(() => shown(old)).toEqual({ ...wanted, new: '2' });
    expect(shown(next)).toEqual({ ...wanted, after: undefined, new: '1' });
    const health = await fetch(`${proxy.adminUrl}/health`);
    expect(await health.json()).toMatchObject({ degraded: [] });
  });
});

function promoteOf({ admin }: StandbyProcess, { adminPort }: ProxyProcess): readonly string[] {
  return ['promote', '--standby', admin, '--proxy', `127.0.0.1:${adminPort}`, '--json'];
}

async function untilReady(standby: StandbyProcess, proxy: ProxyProcess): Promise<void> {
  const look = () => runMain(...promoteOf(standby, proxy), '--dry-run');
  await expect.poll(look).toMatchObject({ code: 0 });
}

/** Up to when the old primary stores everything, as it tells. */
async function promoted(standby: StandbyProcess, proxy: ProxyProcess): Promise<string> {
  const { code, stdout } = await runMain(...promoteOf(standby, proxy));
  expect([code, stdout]).toEqual([0, expect.stringContaining('"done"')]);
  const done = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
    readonly before: { readonly storedTo: string };
  };
  return done.before.storedTo;
}

/** What a query shows of each metric. */
function shown({ storage }: FakeTsd): Record<string, string | undefined> {
  const names = ['kept', 'both', 'over', 'lost', 'outage', 'new', 'after'];
  const points = storage.keys().map((key) => storage.read(key));
  return Object.fromEntries(
    names.map((name) => [name, points.find((point) => point?.metric === name)?.value]),
  );
}
