import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkTopic } from '../../src/kafka/topic-check.ts';
import { connectTo } from '../kit/topic.ts';

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

  test('keeps a start from going on for few seconds only', async () => {
    const wish = { name: 't', create: true, partitions: 1, replication: 1, retention: 1 };
    const startedMs = performance.now();
    const { failure } = await checkTopic(await connectTo(brokers), wish);
    expect(performance.now() - startedMs).toBeLessThan(6_000);
    expect(failure).toEqual({ says: 'Kafka did not answer in time', isLasting: false });
    await expect.poll(() => sockets.size).toBe(0);
  });
});
