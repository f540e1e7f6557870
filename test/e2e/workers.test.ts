import { readdir } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { connectTo, deleteTopic, randomTopic } from '../kit/topic.ts';
import { readTopic, valuesOf } from './kit/topic-content.ts';

const SENDERS = 6;
const START_SECONDS = 1_700_000_000;
const WAIT = { timeout: 30_000, interval: 100 } as const;

interface Status {
  readonly workers: readonly {
    readonly worker: number;
    readonly pid: number | null;
    readonly starts: number;
    readonly draining: boolean;
    readonly status: {
      readonly log: { readonly durable: string };
      readonly kafka: { readonly acknowledged: string };
    } | null;
  }[];
}

describeOnStack('two workers on one port', (offered) => {
  let brokers: string;
  let connection: KafkaConnection;
  const topic = randomTopic();

  beforeAll(async () => {
    brokers = (await (await offered()).kafka()).address;
    connection = await connectTo(brokers);
    return () => deleteTopic(connection, topic);
  });

  test('lose nothing that was acknowledged when one is killed, which comes back; with fewer, the rest is drained', async () => {
    await using primary = await FakeTsd.start();
    await using proxy = await ProxyProcess.start({ primary: primary.url, flags: flags(2) });
    const over = new AbortController();
    const senders = Array.from({ length: SENDERS }, (_, sender) =>
      send(proxy, sender, over.signal),
    );
    const [victim] = (await statusOf(proxy)).workers;
    await sleep(1_500);
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await statusOf(proxy)).workers[0]?.starts, WAIT).toBe(2);
    await expect.poll(async () => (await fetch(`${proxy.adminUrl}/ready`)).status, WAIT).toBe(200);
    const hasTaken = async (): Promise<boolean[]> => {
      const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
      return [1, 2].map((number) => takenBy(number).test(metrics));
    };
    await expect.poll(hasTaken, WAIT).toEqual([true, true]);
    over.abort();
    const acknowledged = (await Promise.all(senders)).flat();
    await expect.poll(() => allSent(proxy), WAIT).toBe(true);
    const frames = await readTopic(connection, topic);
    const values = valuesOf(frames);
    expect(acknowledged.filter((value) => !values.has(value))).toEqual([]);
    // Two of the first start, one of the worker that came back.
    expect(new Set(frames.map(({ lane }) => lane)).size).toBeGreaterThanOrEqual(3);
    expect(await proxy.terminate()).toBe(0);
    await proxy.start(flags(1));
    await expect
      .poll(async () => (await readdir(proxy.dataDirectory)).toSorted(), WAIT)
      .toEqual(['worker-1', expect.stringMatching(/^worker-2\.drained-\d+$/)]);
    expect((await statusOf(proxy)).workers.map(({ worker }) => worker)).toEqual([1]);
  });

  function flags(workers: number): readonly string[] {
    const made = ['--kafka-topic-create', 'true', '--kafka-topic-replication', '1'];
    const quick = ['--archive', 'off', '--delivery-heal-window', '1s'];
    return ['--workers', `${workers}`, '--kafka', brokers, '--topic', topic, ...made, ...quick];
  }
});

function takenBy(worker: number): RegExp {
  return new RegExp(`^tsdb_wal_points_logged_total\\{worker="${worker}"\\} [1-9]`, 'm');
}

async function statusOf(proxy: ProxyProcess): Promise<Status> {
  return (await (await fetch(`${proxy.adminUrl}/status`)).json()) as Status;
}

async function allSent(proxy: ProxyProcess): Promise<boolean> {
  const { workers } = await statusOf(proxy);
  return workers.every(({ status }) => status?.kafka.acknowledged === status?.log.durable);
}

/** On connections of its own, a new one for each request in ten, so that both workers get some. */
async function send(proxy: ProxyProcess, sender: number, signal: AbortSignal): Promise<number[]> {
  const taken: number[] = [];
  let agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let count = 1; !signal.aborted; count += 1) {
    const value = sender * 1_000_000 + count;
    const body = `{"metric":"m","timestamp":${START_SECONDS + count},"value":${value},"tags":{"h":"h${sender}"}}`;
    if ((await post(`${proxy.url}/api/put`, body, agent)) === 204) taken.push(value);
    if (count % 10 > 0) continue;
    agent.destroy();
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }
  agent.destroy();
  return taken;
}

/** Undefined when there was no answer. */
function post(url: string, body: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { method: 'POST', agent }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode));
      answer.once('error', () => resolve(undefined));
    });
    asked.once('error', () => resolve(undefined));
    asked.end(body);
  });
}
