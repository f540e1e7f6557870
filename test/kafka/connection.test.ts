import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaConnection } from '../../src/kafka/connection.ts';
import { OtherLanes } from '../../src/kafka/other-lanes.ts';
import { checkTopic } from '../../src/kafka/topic-check.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { connectTo } from '../kit/topic.ts';

const moment = (): Promise<void> => systemClock.sleep(100, new AbortController().signal);

describe('a Kafka that accepts connections and never answers', () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    socket.resume();
  });
  let brokers: string;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    brokers = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('is given up in time, with all connections, also those that kafkajs opens afterwards', async () => {
    const client = (await connectTo(brokers)).client({ retries: 3 });
    const connecting = client.kafka.admin().connect();
    const ended = connecting.then(
      () => 'connected',
      () => 'failed',
    );
    await expect(client.within(connecting, 100)).rejects.toThrow('did not answer in time');
    expect(await ended).toBe('failed');
    await expect.poll(() => sockets.size).toBe(0);
  });

  test('is given up by each request soon after its time is over', async () => {
    const { options } = await connectTo(brokers);
    const timeouts = { connectionTimeout: 300, requestTimeout: 300 };
    const connection = await KafkaConnection.open({ ...options, ...timeouts });
    const startedMs = performance.now();
    const client = connection.client({ retries: 0 });
    await expect(client.kafka.admin().connect()).rejects.toThrow('timed out');
    const tookMs = performance.now() - startedMs;
    client.hangUp();
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(4_000);
  });

  test('is asked over one connection by all who read other lanes, until the last one gives up', async () => {
    const connection = await connectTo(brokers);
    const lanes = { owns: () => false, onTerm: () => undefined };
    const options = { connection, topic: 't', clock: systemClock, ...lanes };
    const others = new OtherLanes(options);
    const ended: string[] = [];
    const read = (name: string): AbortController => {
      const giveUp = new AbortController();
      const next = others.read(0, giveUp.signal).next();
      next.catch(() => ended.push(name));
      return giveUp;
    };
    const [first, second] = [read('first'), read('second')];
    await expect.poll(() => sockets.size).toBeGreaterThan(0);
    await moment();
    expect(sockets.size).toBe(1);
    const [connected] = sockets;
    first.abort();
    // As when another feed begins while one ends.
    const third = read('third');
    await moment();
    expect(ended).toEqual(['first']);
    expect([...sockets]).toEqual([connected]);
    second.abort();
    third.abort();
    await expect.poll(() => ended).toEqual(['first', 'second', 'third']);
    await expect.poll(() => sockets.size).toBe(0);
  });

  test('keeps a start from going on for few seconds only', async () => {
    const wish = { name: 't', create: true, partitions: 1, replication: 1, retention: 1 };
    const startedMs = performance.now();
    const { failure } = await checkTopic(await connectTo(brokers), wish);
    expect(performance.now() - startedMs).toBeLessThan(6_000);
    expect(failure).toEqual({ says: 'Kafka did not answer in time', isLasting: false });
    await expect.poll(() => sockets.size).toBe(0);
  });
});
