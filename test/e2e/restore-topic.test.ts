import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Info } from '../../src/cli/history/info-contract.ts';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { runMain } from '../kit/spawn-main.ts';
import { tempDirectory } from '../kit/temp.ts';
import { asAdmin, connectTo, deleteTopic, makeTopic, randomTopic } from '../kit/topic.ts';
import { stateAt } from '../restore/kit/history.ts';
import { until } from '../kit/until.ts';
import { HttpCollector, TelnetCollector } from './kit/clients.ts';
import type { Line } from './kit/ledger.ts';
import { MainProcess } from './kit/main-process.ts';
import { type RestoreEnd, RestoreProcess } from './kit/restore-process.ts';
import { storedDifferences } from './kit/stored-state.ts';
import { readLanes } from './kit/whole-log.ts';

const METRIC = `topic.${Date.now() % 1_000_000}`;
const PARTITIONS = 3;

describeOnStack('a restore of what a topic has and its archive lacks', (offered) => {
  let brokers: string;
  let connection: KafkaConnection;

  beforeAll(async () => {
    brokers = (await (await offered()).kafka()).address;
    connection = await connectTo(brokers);
  });

  test('is exact to the last tick, and names what is gone with a topic that was made anew', async () => {
    const stack = await offered();
    await using primary = await FakeTsd.start();
    await using folder = await tempDirectory('restore-topic');
    const repository = join(folder.path, 'repository');
    const topic = randomTopic();
    await makeTopic(connection, topic, PARTITIONS);
    const from = ['--kafka', brokers, '--topic', topic];
    const flags = [...from, '--archive', 'off', '--wal-cut-interval', '100ms'];
    await using first = await ProxyProcess.start({ primary: primary.url, flags, until: 'live' });
    await using second = await ProxyProcess.start({ primary: primary.url, flags, until: 'live' });
    const data = join(folder.path, 'archiver');
    const places = ['--data', data, '--repository', repository];
    const archiver = MainProcess.start('archive', ...from, ...places);
    const writes = new Writes([first, second]);
    try {
      await writes.send(20);
      await until(async () => (await info(repository)).totals.points >= writes.count);
    } finally {
      await archiver.kill9();
    }
    await writes.send(30);
    // A lane that no repository knows.
    await first.kill9();
    await first.start();
    await writes.send(30);
    const read = ['--repository', repository, ...from];
    // Idle proxies tick once a second.
    const isAllThere = async (): Promise<boolean> => {
      const { topic: tail } = await info(repository, from);
      return Date.parse(tail?.safeTime ?? '') > writes.lastMs;
    };
    await until(isAllThere);
    const known = await info(repository, from);
    expect(known.topic).toMatchObject({ name: topic, holes: [] });
    expect(known.topic?.lanes.filter(({ registered }) => !registered)).toHaveLength(1);
    const found = await runMain('log', 'grep', ...read, '--metric', METRIC);
    expect(found.stdout.trimEnd().split('\n')).toHaveLength(writes.count);
    const target = await stack.opentsdb('restore-topic');
    const end = await restore(folder.path, [...read, '--target', target.url]);
    expect({ code: end.code, stderr: end.stderr }).toMatchObject({ code: 0 });
    await expectState(end, [first, second]);
    expect(sourcesIn(end)).toEqual(['archive+topic', 'archive+topic', 'topic']);
    const lanes = (
      await Promise.all([first, second].map((one) => readLanes(one.dataDirectory)))
    ).flat();
    const state = stateAt(lanes, end.result?.plan.toMs ?? 0);
    expect(await storedDifferences(target, [METRIC], state)).toEqual([]);
    await target.kill9();

    // The second proxy is not there when the topic is made anew; the first fills it again.
    await second.kill9();
    await deleteTopic(connection, topic);
    await makeTopic(connection, topic, PARTITIONS);
    await until(async () => /kafka_refills_total [1-9]/.test(await metricsOf(first)));
    await sleep(2_500);
    const away = await restore(folder.path, [...read, '--dry-run', '--to', `${Date.now()}`]);
    expect(away.code).toBe(3);
    expect(away.stderr).toContain('tsdb-wal lane retire');
    // It comes back, and with it what only it has.
    await second.start();
    await until(async () => /kafka_refills_total [1-9]/.test(await metricsOf(second)));
    await until(isAllThere);
    const refilled = await restore(folder.path, [...read, '--dry-run']);
    expect({ code: refilled.code, stderr: refilled.stderr }).toMatchObject({ code: 0 });
    await expectState(refilled, [first, second]);

    // What retention takes before it is archived, beginnings of lanes with it: those before them have no end then.
    await dropRecords(topic);
    await writes.send(5);
    await sleep(1_500);
    const lacking = await restore(folder.path, [...read, '--dry-run', '--to', `${writes.lastMs}`]);
    expect(lacking.code).toBe(3);
    expect(lacking.stderr).toContain('tsdb-wal lane retire');

    const nobody = ['--repository', repository, '--kafka', '127.0.0.1:1', '--dry-run'];
    const gone = await restore(folder.path, nobody);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('KAFKA_UNREACHABLE');
    expect(gone.stderr).toContain('Without --kafka');

    /** All that there is now. */
    async function dropRecords(name: string): Promise<void> {
      await asAdmin(connection, async (admin) => {
        const ends = await admin.fetchTopicOffsets(name);
        const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
        await admin.deleteTopicRecords({ topic: name, partitions });
      });
    }

    async function expectState(one: RestoreEnd, proxies: readonly ProxyProcess[]): Promise<void> {
      const all = await Promise.all(proxies.map((proxy) => readLanes(proxy.dataDirectory)));
      const { plan, counts } = one.result ?? {};
      expect(plan?.holes).toEqual([]);
      expect(plan?.toMs).toBeGreaterThan(writes.lastMs);
      expect(counts?.points).toBe(stateAt(all.flat(), plan?.toMs ?? 0).size);
    }
  });
});

/** Writes to several proxies, each by HTTP and by telnet, some instants more than once. */
class Writes {
  count = 0;
  lastMs = 0;
  readonly #proxies: readonly ProxyProcess[];

  constructor(proxies: readonly ProxyProcess[]) {
    this.#proxies = proxies;
  }

  async send(points: number): Promise<void> {
    for (const [index, { port }] of this.#proxies.entries()) {
      const collectors = [new HttpCollector(port), new TelnetCollector(port)];
      for (let n = 0; n < points; n += 5) {
        const lines = Array.from({ length: 5 }, (_, k): Line => {
          const value = this.count + k;
          return `put ${METRIC} ${1_700_000_000 + (value % 37)} ${value} p=${index} t=${n % 2}`;
        });
        const error = await collectors[n % 2]?.put(lines);
        if (error !== undefined) throw new Error(error);
        this.count += lines.length;
      }
      for (const collector of collectors) collector.close();
    }
    this.lastMs = Date.now();
  }
}

/** Of each lane, from where its records came. */
function sourcesIn({ result }: RestoreEnd): string[] {
  const lanes = result?.plan.lanes ?? [];
  return lanes
    .map(({ ranges }) => [...new Set(ranges.map(({ source }) => source))].join('+'))
    .toSorted();
}

function restore(folder: string, flags: readonly string[]): Promise<RestoreEnd> {
  const to = flags.includes('--to') ? [] : ['--to', 'safe'];
  return RestoreProcess.start(['--work', join(folder, 'work'), ...to, ...flags]).end();
}

async function info(repository: string, from: readonly string[] = []): Promise<Info> {
  const { stdout } = await runMain('info', '--json', '--repository', repository, ...from);
  return JSON.parse(stdout === '' ? '{"totals":{"points":0}}' : stdout) as Info;
}

async function metricsOf({ adminUrl }: ProxyProcess): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}
