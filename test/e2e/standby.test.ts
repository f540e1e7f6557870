import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { tempDirectory } from '../kit/temp.ts';
import { connectTo, deleteTopic, makeTopic, randomTopic } from '../kit/topic.ts';
import { stateAt } from '../restore/kit/history.ts';
import { HttpCollector, Load } from './kit/clients.ts';
import { Ledger } from './kit/ledger.ts';
import { tell } from './kit/run.ts';
import { StandbyProcess } from './kit/standby-process.ts';
import { storedDifferences } from './kit/stored-state.ts';
import { readLanes } from './kit/whole-log.ts';

const FLAGS = ['--delivery-heal-window', '500ms'];
const VALUES = '1 300 1.5 -0.25 70000 9007199254740993 1e5'.split(' ');
const LOAD = { http: 2, telnet: 1, batch: 20, pauseMs: 50, again: true };
/** Into a target that holds what an earlier test gave it. */
const OLDEST = ['--begin', 'oldest'];
const LAG_SECONDS_MAX = 2;
const DELAY_MS = 3_000;
/** From the end of the delay to the point in the target, and to the look that finds it. */
const SLACK_MS = 2_000;

describeOnStack('a standby', (offered) => {
  let primary: Tsd;
  let target: Tsd;
  let empty: Tsd;
  let brokers: string;

  beforeAll(async () => {
    const stack = await offered();
    const starting = [
      stack.opentsdb('standby-primary'),
      stack.opentsdb('standby-target'),
      stack.opentsdb('standby-empty'),
      stack.kafka(),
    ] as const;
    const started = await Promise.all(starting);
    [primary, target, empty] = started;
    brokers = started[3].address;
    return async () => {
      await Promise.all([primary.kill9(), target.kill9(), empty.kill9()]);
    };
  });

  test('of a log has what the primary has, though it is killed, and holds to its delay, pause and end', async () => {
    await using proxy = await start('--archive', 'off');
    const from = ['--data', proxy.dataDirectory, '--target', target.url];
    await expectLoop(['--data', proxy.dataDirectory, '--target', proxy.url]);
    await using standby = await StandbyProcess.start(from);
    await underLoad([proxy], 'log', async () => {
      await standby.until(({ contains }) => contains.latest !== null);
      await kill(standby);
      await sleep(500);
      await expectLittleLag(standby);
    });
    await standby.contains(await settledEnds([proxy]));
    await expectSame(['log.http', 'log.telnet', 'log.churn']);

    await standby.ask('pause');
    await put(proxy, 'log.paused', 1);
    await kill(standby);
    await sleep(1_500);
    expect((await standby.status()).paused).toBe(true);
    expect(await target.scan('log.paused').catch(() => [])).toEqual([]);
    await standby.ask('resume');
    await standby.contains(await ends([proxy]));
    await expectSame(['log.paused']);

    await standby.kill9();
    standby.start(['--delay', `${DELAY_MS / 1_000}s`]);
    await standby.until(() => true);
    const putMs = Date.now();
    await put(proxy, 'log.paused', 2);
    while ((await target.scan('log.paused')).length < 2) await sleep(50);
    const delayMs = Date.now() - putMs;
    tell(`a delay of ${DELAY_MS} ms took ${delayMs} ms`);
    expect(delayMs).toBeGreaterThanOrEqual(DELAY_MS);
    expect(delayMs).toBeLessThan(DELAY_MS + SLACK_MS);

    await standby.kill9();
    const stopAtMs = Date.now() + 1_000;
    standby.start(['--stop-at', new Date(stopAtMs).toISOString()]);
    for (let n = 1; Date.now() < stopAtMs + 500; n += 1) await put(proxy, 'log.stopped', n);
    expect(await standby.ended()).toBe(0);
    expect(standby.lines.join('\n')).not.toContain('"state":"down"');
    await proxy.terminate();
    const state = stateAt(await readLanes(proxy.dataDirectory), stopAtMs);
    const stopped = new Map([...state].filter(([, { line }]) => line.includes(' log.stopped ')));
    expect(stopped.size).toBeGreaterThan(1);
    expect(await storedDifferences(target, ['log.stopped'], stopped)).toEqual([]);
  });

  test('of a topic has what the proxies have written to the primary, though all are killed', async () => {
    const topic = randomTopic();
    const connection = await connectTo(brokers);
    await makeTopic(connection, topic, 3);
    const kafka = ['--kafka', brokers, '--topic', topic];
    await using first = await start(...kafka, '--archive', 'off');
    await using second = await start(...kafka, '--archive', 'off');
    await expectLoop([...kafka, ...OLDEST, '--target', second.url]);
    await expectFull([...kafka, '--target', primary.url]);
    await using standby = await StandbyProcess.start([...kafka, ...OLDEST, '--target', target.url]);
    await underLoad([first, second], 'topic', async () => {
      await standby.until(({ contains }) => contains.lanes.length >= 2);
      await kill(standby);
      await sleep(500);
      await second.kill9();
      await second.start();
      await kill(standby);
      await expectLittleLag(standby);
    });
    await first.untilLive();
    await second.untilLive();
    const status = await standby.contains(await settledEnds([first, second]));
    expect(status.holes).toEqual([]);
    await expectSame(['topic.http', 'topic.telnet', 'topic.churn']);
    await deleteTopic(connection, topic);
  });

  test('begins with what a repository has, also when it is killed meanwhile, and follows on without a hole', async () => {
    await using folder = await tempDirectory('standby-repository');
    const topic = randomTopic();
    const connection = await connectTo(brokers);
    await makeTopic(connection, topic, 2);
    const kafka = ['--kafka', brokers, '--topic', topic];
    const archive = ['--repository', folder.path];
    await using proxy = await start(...kafka, ...archive, '--wal-cut-interval', '1s');
    await underLoad([proxy], 'begun', async () => {
      await proxy.until((status) => status.archive.safeTime !== null);
      const sinceMs = Date.now();
      await proxy.until(({ archive: { safeTime } }) => Date.parse(safeTime ?? '') > sinceMs);
    });
    const flags = [...kafka, ...archive, '--target', empty.url];
    await using standby = await StandbyProcess.start(flags);
    await standby.untilSaid('restoring the target');
    await kill(standby);
    await put(proxy, 'begun.last', 1);
    await standby.contains(await settledEnds([proxy]));
    await expectSame(['begun.http', 'begun.telnet', 'begun.churn', 'begun.last'], empty);
    await expectFull(flags);
    await standby.kill9();

    // Where only the repository can be reached: what is archived since.
    const begin = new Date().toISOString();
    const only = [...archive, '--target', empty.url, '--begin', begin];
    await using archived = await StandbyProcess.start(only);
    await put(proxy, 'begun.archived', 1);
    const [own] = await ends([proxy]);
    await archived.until(({ contains }) => contains.lanes.some(({ lane }) => lane === own?.lane));
    await expectSame(['begun.archived'], empty);
    await deleteTopic(connection, topic);
  });

  async function start(...flags: readonly string[]): Promise<ProxyProcess> {
    return ProxyProcess.start({ primary: primary.url, flags: [...FLAGS, ...flags], until: 'live' });
  }

  async function expectSame(metrics: readonly string[], followed = target): Promise<void> {
    for (const metric of metrics) {
      const own = await shownBy(primary, metric);
      expect(own).toContain('dps');
      expect(await shownBy(followed, metric)).toEqual(own);
    }
  }
});

/** Every point of a metric, as a query shows it: older values of another form are still stored. */
async function shownBy({ url }: Tsd, metric: string): Promise<string> {
  const end = Date.now() + 86_400_000;
  const answer = await fetch(`${url}/api/query?start=1000&end=${end}&m=none:${metric}&ms=true`);
  const series = ((await answer.json()) as readonly object[]).map((one) => JSON.stringify(one));
  return series.toSorted().join('\n');
}

/** Collectors write to each proxy while something is done: series of its own, and instants again and again. */
async function underLoad(
  proxies: readonly ProxyProcess[],
  metric: string,
  task: () => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const loads = proxies.map(
    ({ port }) => new Load({ ...LOAD, port, metric, ledger: new Ledger() }),
  );
  const churns = proxies.map((proxy, index) => churn(proxy, `${metric}.churn`, index, over.signal));
  try {
    await task();
  } finally {
    over.abort();
    await Promise.all([...churns, ...loads.map((load) => load.stop())]);
  }
}

/** The instants are of the coming hour: of one that is over OpenTSDB itself may lose what is written again and again, by its compaction. */
async function churn(proxy: ProxyProcess, metric: string, id: number, signal: AbortSignal) {
  const fromSecond = (Math.floor(Date.now() / 3_600_000) + 1) * 3_600;
  const collector = new HttpCollector(proxy.port);
  for (let n = 0; !signal.aborted; n += 1) {
    const lines = Array.from({ length: 10 }, (_, index) => {
      const value = VALUES[(n * 3 + index) % VALUES.length] ?? '0';
      return `put ${metric} ${fromSecond + ((n + index) % 40)} ${value} p=${id}`;
    });
    // Without an answer nobody knows whether it was taken: what was is in the log, and in the primary.
    await collector.put(lines).catch(() => undefined);
    await sleep(20);
  }
  collector.close();
}

async function put(proxy: ProxyProcess, metric: string, n: number): Promise<void> {
  const collector = new HttpCollector(proxy.port);
  const error = await collector.put([`put ${metric} ${1_700_000_000 + n} ${n} h=a`]);
  collector.close();
  expect(error).toBeUndefined();
}

/** A standby that would feed what it follows ends. */
async function expectLoop(flags: readonly string[]): Promise<void> {
  await using standby = await StandbyProcess.start(flags);
  expect(await standby.ended()).toBe(1);
  expect(standby.lines.join('\n')).toContain('STANDBY_LOOP');
}

/** One whose target holds data that it was not sent by it ends. */
async function expectFull(flags: readonly string[]): Promise<void> {
  await using standby = await StandbyProcess.start(flags);
  expect(await standby.ended()).toBe(5);
  expect(standby.lines.join('\n')).toContain('TARGET_UNUSABLE');
}

async function kill(standby: StandbyProcess): Promise<void> {
  await standby.kill9();
  standby.start();
}

/** At a modest rate, once it has caught up. */
async function expectLittleLag(standby: StandbyProcess): Promise<void> {
  const startMs = Date.now();
  await standby.until(
    ({ contains, lagSeconds }) =>
      Date.parse(contains.latest ?? '') > startMs && lagSeconds < LAG_SECONDS_MAX / 4,
  );
  const lags: number[] = [];
  for (let look = 0; look < 20; look += 1) {
    lags.push((await standby.status()).lagSeconds);
    await sleep(50);
  }
  tell(`lag ${Math.max(...lags)} s at most`);
  expect(Math.max(...lags)).toBeLessThan(LAG_SECONDS_MAX);
}

/** The same, once the primary surely has all up to there, in its final form. */
async function settledEnds(proxies: readonly ProxyProcess[]) {
  const all = await ends(proxies);
  for (const [index, { lane, seq }] of all.entries()) {
    await proxies[index]?.until(({ primary: { confirmed } }) => {
      const [own, last] = confirmed?.split('/') ?? [];
      return own === lane && Number(last) >= seq;
    });
  }
  return all;
}

/** The last record of each proxy's log. */
async function ends(proxies: readonly ProxyProcess[]) {
  return Promise.all(
    proxies.map(async (proxy) => {
      const [lane = '', seq] = (await proxy.status()).log.durable.split('/');
      return { lane, seq: Number(seq) };
    }),
  );
}
