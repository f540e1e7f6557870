import { readdir } from 'node:fs/promises';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { KafkaConnection } from '../../src/kafka/connection.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { tempDirectory } from '../kit/temp.ts';
import { connectTo, deleteTopic, makeTopic, randomTopic } from '../kit/topic.ts';
import { readTopic, valuesOf } from './kit/topic-content.ts';

const ROUNDS = 6;
const SENDERS = 4;
const START_SECONDS = 1_700_000_000;

describeOnStack('a proxy with Kafka', (offered) => {
  let brokers: string;
  let connection: KafkaConnection;
  let topic: string;

  beforeAll(async () => {
    brokers = (await (await offered()).kafka()).address;
    connection = await connectTo(brokers);
  });

  beforeEach(() => {
    topic = randomTopic();
  });

  test('has every acknowledged point in the topic, in order, though it is killed again and again', async () => {
    await using proxy = await start();
    const acknowledged: number[] = [];
    let next = 1;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const over = new AbortController();
      const senders = Array.from({ length: SENDERS }, async () => {
        while (!over.signal.aborted) {
          const value = (next += 1);
          if (await isTaken(proxy, value)) acknowledged.push(value);
          else return;
        }
      });
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length - before).toBeGreaterThan(40 + round * 7);
      await proxy.kill9();
      over.abort();
      await Promise.all(senders);
      await proxy.start();
    }
    await untilSent(proxy);
    const values = valuesOf(await readTopic(connection, topic));
    expect(acknowledged.filter((value) => !values.has(value))).toEqual([]);
  });

  test('gives a topic that was deleted and made anew all that its log has', async () => {
    await using proxy = await start();
    for (let value = 1; value <= 50; value += 1) expect(await isTaken(proxy, value)).toBe(true);
    await untilSent(proxy);
    await deleteTopic(connection, topic);
    expect(await isTaken(proxy, 51)).toBe(true);
    await makeTopic(connection, topic, 2);
    expect(await isTaken(proxy, 52)).toBe(true);
    const values = async () =>
      [...valuesOf(await readTopic(connection, topic))].toSorted((a, b) => a - b);
    await expect
      .poll(values, { timeout: 60_000, interval: 500 })
      .toEqual(Array.from({ length: 52 }, (_, index) => index + 1));
    const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/^tsdb_wal_kafka_refills_total [1-9]/m);
  });

  test('tells that it has another topic than before, until that is named again and has what came meanwhile', async () => {
    await using proxy = await start();
    expect(await isTaken(proxy, 1)).toBe(true);
    await untilSent(proxy);
    for (const [value, other] of [
      [2, [...flags('true'), '--topic', randomTopic()]],
      [3, ['--archive', 'off']],
    ] as const) {
      await proxy.terminate();
      await proxy.start(other);
      expect(await isTaken(proxy, value)).toBe(true);
      await expect
        .poll(() => degradedOf(proxy))
        .toMatch(`archivers, standbys and other proxies of ${topic} get nothing`);
    }
    await proxy.terminate();
    await proxy.start();
    await untilSent(proxy);
    const values = valuesOf(await readTopic(connection, topic));
    expect(values).toEqual(new Set([1, 2, 3]));
    expect(await degradedOf(proxy)).not.toContain('topic is named');
    expect(await degradedOf(proxy)).not.toContain('another topic');
  });

  test('says what to run where there is no topic, and has opened no lane', async () => {
    await using data = await tempDirectory();
    const options = { primary: 'http://127.0.0.1:9', data: data.path, flags: flags('false') };
    await expect(ProxyProcess.start(options)).rejects.toThrow(/kafka-topics\.sh/);
    expect(await readdir(data.path)).not.toContain('wal');
  });

  test('takes writes within seconds though Kafka is a black hole, where that is allowed, and says so', async () => {
    await using wire = await TcpProxy.start(9);
    await wire.set({ kind: 'blackhole' });
    const topicFlags = ['--kafka', `127.0.0.1:${wire.port}`, '--topic', topic, '--archive', 'off'];
    const startedMs = performance.now();
    await using proxy = await ProxyProcess.start({
      primary: 'http://127.0.0.1:9',
      flags: [...topicFlags, '--archiver-unregistered', 'allow'],
    });
    expect(await isTaken(proxy, 1)).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(14_000);
    // A topic that never heard of the lane: should this disk burn, nobody would know that it was written.
    const { kafka } = await proxy.status();
    expect(kafka?.registered).toBe(false);
    expect(kafka?.troubles).toContainEqual(expect.stringContaining('writes are taken, though'));
  });

  function flags(create: 'true' | 'false'): readonly string[] {
    const made = ['--kafka-topic-create', create, '--kafka-topic-replication', '1'];
    return ['--kafka', brokers, '--topic', topic, ...made, '--archive', 'off'];
  }

  async function start(): Promise<ProxyProcess> {
    // There is no OpenTSDB: answers wait for Kafka alone.
    return ProxyProcess.start({ primary: 'http://127.0.0.1:9', flags: flags('true') });
  }
});

async function isTaken(proxy: ProxyProcess, value: number): Promise<boolean> {
  const timestamp = START_SECONDS + value;
  const body = JSON.stringify({ metric: 'm', timestamp, value, tags: { h: 'a' } });
  const answer = await fetch(`${proxy.url}/api/put`, { method: 'POST', body }).catch(
    () => undefined,
  );
  await answer?.body?.cancel();
  return answer?.status === 204;
}

/** What `/health` says works with less than usual. */
async function degradedOf(proxy: ProxyProcess): Promise<string> {
  const answer = await fetch(`${proxy.adminUrl}/health`);
  return ((await answer.json()) as { degraded: readonly string[] }).degraded.join('\n');
}

async function untilSent(proxy: ProxyProcess): Promise<void> {
  await proxy.until(
    ({ kafka, log }) => kafka?.state.kind === 'live' && kafka.acknowledged === log.durable,
  );
}
