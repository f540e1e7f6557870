import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TelnetClient, type TelnetReply } from '../../src/opentsdb/telnet-client.ts';

const VERSION = 'net.opentsdb.tools built\nBuilt on today\n';
const PUT = Buffer.from('put a 1 1 h=x\n');

const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: TelnetClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A client of a TSD that gives these replies, one for each `version`; undefined: none. */
async function clientOf(
  replies: readonly (string | undefined)[],
  requestTimeoutMs = 5_000,
): Promise<TelnetClient> {
  let next = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const _ of bytes.toString('latin1').matchAll(/^version$/gm)) {
        const reply = replies[next];
        next += 1;
        if (reply === 'hang up') socket.destroy();
        else if (reply !== undefined) socket.write(reply);
      }
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const client = new TelnetClient({
    primary: new URL(`http://127.0.0.1:${address.port}`),
    requestTimeoutMs,
  });
  clients.push(client);
  return client;
}

const unanswered = (reason: string): TelnetReply => ({ kind: 'unanswered', reason });

test('errors before the reply to version are the batch’s own, also when batches are pipelined', async () => {
  const client = await clientOf([VERSION, `put: bad\nput: worse\n${VERSION}`, VERSION]);
  const replies = await Promise.all([client.send(PUT), client.send(PUT), client.send(PUT)]);
  expect(replies.map((reply) => reply.kind === 'handled' && reply.errors)).toEqual([
    [],
    ['put: bad', 'put: worse'],
    [],
  ]);
  expect(client.version).toBe(VERSION);
});

test('HBase trouble is storage, whichever batch it came with', async () => {
  const client = await clientOf([
    `put: HBase error: no region\n${VERSION}`,
    `put: Please throttle writes: 10000 RPCs waiting\n${VERSION}`,
  ]);
  expect(await client.send(PUT)).toEqual({
    kind: 'storage',
    reason: 'put: HBase error: no region',
  });
  expect(await client.send(PUT)).toMatchObject({ kind: 'storage' });
});

test('a TSD that stops replying is given up in time, with all that waits for it', async () => {
  const client = await clientOf([VERSION, undefined, undefined], 100);
  expect(await client.send(PUT)).toMatchObject({ kind: 'handled' });
  const both = await Promise.all([client.send(PUT), client.send(PUT)]);
  expect(both).toEqual([
    unanswered('no reply within 100 ms'),
    unanswered('no reply within 100 ms'),
  ]);
});

test('the clock starts anew for each batch at the front', async () => {
  const client = await clientOf([VERSION, VERSION, undefined], 200);
  await client.send(PUT);
  await client.send(PUT);
  const startMs = performance.now();
  expect(await client.send(PUT)).toEqual(unanswered('no reply within 200 ms'));
  expect(performance.now() - startMs).toBeGreaterThan(190);
});

test('a connection that breaks leaves its batches unanswered, and the next makes another', async () => {
  const client = await clientOf(['hang up', VERSION]);
  expect(await client.send(PUT)).toEqual(unanswered('the TSD closed the connection'));
  expect(await client.send(PUT)).toMatchObject({ kind: 'handled' });
});

test('an endless reply ends the connection', async () => {
  const client = await clientOf(['x'.repeat(3 * 1024 * 1024)]);
  expect(await client.send(PUT)).toEqual(unanswered('an endless reply line'));
});

test('a closed client answers at once', async () => {
  const client = await clientOf([undefined]);
  const waiting = client.send(PUT);
  client.close();
  expect(await waiting).toEqual(unanswered('closed'));
  expect(await client.send(PUT)).toEqual(unanswered('closed'));
});
