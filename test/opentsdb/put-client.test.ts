import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { PutClient } from '../../src/opentsdb/put-client.ts';

const BODY = Buffer.from('[{"metric":"m"}]');
const ALL_TAKEN = '{"success":1,"failed":0,"errors":[]}';

const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server that does `answer` with each connection's first bytes. */
async function serve(answer: (socket: Socket, request: string) => void): Promise<URL> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => answer(socket, bytes.toString('latin1')));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return new URL(`http://127.0.0.1:${address.port}`);
}

function response(status: number, body: string): string {
  return `HTTP/1.1 ${status} Any\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function putTo(primary: URL, requestTimeoutMs = 5_000): Promise<unknown> {
  const client = new PutClient({ primary, requestTimeoutMs });
  try {
    return await client.put(BODY);
  } finally {
    await client.close();
  }
}

test('an answer is read whole, however it is cut', async () => {
  const primary = await serve((socket) => {
    const bytes = Buffer.from(
      response(200, '{"success":0,"failed":1,"errors":[{"datapoint":{},"error":"é"}]}'),
    );
    const middle = bytes.indexOf('é') + 1;
    socket.write(bytes.subarray(0, middle));
    setImmediate(() => socket.write(bytes.subarray(middle)));
  });
  expect(await putTo(primary)).toMatchObject({ kind: 'handled', refused: [{ error: 'é' }] });
});

test('a TSD that never answers is given up in time, as late', async () => {
  const primary = await serve(() => undefined);
  expect(await putTo(primary, 100)).toEqual({
    kind: 'unanswered',
    reason: 'no answer within 100 ms',
    isLate: true,
  });
});

test('an answer that trickles is given up in time, too', async () => {
  const primary = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
    const timer = setInterval(() => socket.write(' '), 20);
    socket.on('close', () => clearInterval(timer));
  });
  expect(await putTo(primary, 200)).toMatchObject({ kind: 'unanswered', isLate: true });
});

test('a connection that breaks is no answer, and not late', async () => {
  const before = await serve((socket) => socket.destroy());
  expect(await putTo(before)).toMatchObject({ kind: 'unanswered', isLate: false });
  const within = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"succ');
    setImmediate(() => socket.destroy());
  });
  expect(await putTo(within)).toMatchObject({ kind: 'unanswered', isLate: false });
});

test('nobody listening is no answer', async () => {
  expect(await putTo(new URL('http://127.0.0.1:1'))).toMatchObject({
    kind: 'unanswered',
    isLate: false,
    reason: expect.stringContaining('ECONNREFUSED') as string,
  });
});

test('a put that finds no free connection in time is given up, and its body is never sent', async () => {
  const requests: string[] = [];
  const primary = await serve((socket, request) => {
    requests.push(request);
    if (request.includes('late')) socket.write(response(200, ALL_TAKEN));
  });
  const client = new PutClient({ primary, requestTimeoutMs: 300 });
  // All connections are taken by puts that the TSD holds.
  const held = [1, 2, 3].map(async () => client.putSync(BODY, 1_000));
  const late = Buffer.from('[{"metric":"late"}]');
  expect(await client.put(late)).toMatchObject({ kind: 'unanswered', isLate: true });
  late.fill('x');
  for (const reply of await Promise.all(held)) expect(reply).toMatchObject({ isLate: true });
  expect(await client.put(Buffer.from('[{"metric":"late2"}]'))).toMatchObject({ kind: 'handled' });
  expect(requests.join('')).not.toContain('xxx');
  await client.close();
});
