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

/** A connection serves again once it was looked whether it ended with its answer. */
async function looked(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
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

test('puts under way at once have a connection each, and one that is free serves again', async () => {
  const seen = new Map<Socket, number>();
  const primary = await serve((socket, request) => {
    seen.set(socket, (seen.get(socket) ?? 0) + 1);
    if (!request.includes('held')) socket.write(response(200, ALL_TAKEN));
  });
  const client = new PutClient({ primary, requestTimeoutMs: 300 });
  const held = client.put(Buffer.from('[{"metric":"held"}]'));
  expect(await client.put(BODY)).toMatchObject({ kind: 'handled' });
  await looked();
  expect(await client.put(BODY)).toMatchObject({ kind: 'handled' });
  expect([...seen.values()]).toEqual([1, 2]);
  // What broke one may have broken the other.
  expect(await held).toMatchObject({ kind: 'unanswered', isLate: true });
  expect(await client.put(BODY)).toMatchObject({ kind: 'handled' });
  expect([...seen.values()]).toEqual([1, 2, 1]);
  await client.close();
  expect(await client.put(BODY)).toMatchObject({ kind: 'unanswered', isLate: false });
});

test('a put right after an answer goes on another connection, as the first may have ended with it', async () => {
  const seen = new Set<Socket>();
  const primary = await serve((socket) => {
    seen.add(socket);
    socket.end(response(200, ALL_TAKEN));
  });
  const client = new PutClient({ primary, requestTimeoutMs: 5_000 });
  for (let put = 1; put <= 20; put += 1) {
    expect(await client.put(BODY)).toMatchObject({ kind: 'handled' });
  }
  expect(seen.size).toBe(20);
  await client.close();
});

test('two connections are enough for puts one right after the other', async () => {
  const seen = new Set<Socket>();
  const primary = await serve((socket) => {
    seen.add(socket);
    socket.write(response(200, ALL_TAKEN));
  });
  const client = new PutClient({ primary, requestTimeoutMs: 5_000 });
  for (let put = 1; put <= 20; put += 1) await client.put(BODY);
  expect(seen.size).toBe(2);
  await client.close();
});

test('the host is named as it stands in the URL', async () => {
  const requests: string[] = [];
  const primary = await serve((socket, request) => {
    requests.push(request);
    socket.write(response(200, ALL_TAKEN));
  });
  await putTo(primary);
  expect(requests.join('')).toContain(`\r\nHost: ${primary.host}\r\n`);
});

test('of a body that was given up nothing more is sent, so that it can be written over', async () => {
  const readers: Socket[] = [];
  let isSlow = true;
  let received = '';
  const primary = await serve((socket, request) => {
    received += request;
    if (isSlow) readers.push(socket.pause());
  });
  const client = new PutClient({ primary, requestTimeoutMs: 200 });
  const large = Buffer.alloc(32 * 1024 * 1024, 'a');
  expect(await client.put(large)).toMatchObject({ kind: 'unanswered', isLate: true });
  large.fill('x');
  isSlow = false;
  const [reader] = readers;
  if (reader === undefined) throw new Error('nothing came');
  const closed = once(reader, 'close');
  reader.resume();
  await closed;
  expect(received.length).toBeLessThan(large.length);
  expect(received).not.toContain('xxx');
  await client.close();
});

test('an answer to a part of the body counts, and the connection ends with it', async () => {
  let connections = 0;
  const primary = await serve((socket) => {
    if (socket.bytesRead > 65_536) return;
    connections += 1;
    socket.pause();
    socket.write(response(413, ''));
  });
  const client = new PutClient({ primary, requestTimeoutMs: 5_000 });
  const large = Buffer.alloc(32 * 1024 * 1024, 'a');
  expect(await client.put(large)).toEqual({ kind: 'too large' });
  expect(await client.put(large)).toEqual({ kind: 'too large' });
  expect(connections).toBe(2);
  await client.close();
});

test.each([
  [
    'says so',
    (socket: Socket) =>
      socket.write(
        `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${ALL_TAKEN.length}\r\n\r\n${ALL_TAKEN}`,
      ),
  ],
  ['just does it', (socket: Socket) => socket.end(response(200, ALL_TAKEN))],
  [
    'ends the answer with it',
    (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${ALL_TAKEN}`),
  ],
  [
    'says more than it was asked',
    (socket: Socket) => socket.write(response(200, ALL_TAKEN).repeat(2)),
  ],
])(
  'a TSD that ends the connection after an answer gets the next put on another: it %s',
  async (_, answer) => {
    const seen = new Set<Socket>();
    const primary = await serve((socket) => {
      seen.add(socket);
      answer(socket);
    });
    const client = new PutClient({ primary, requestTimeoutMs: 5_000 });
    for (let put = 1; put <= 3; put += 1) {
      expect(await client.put(BODY)).toMatchObject({ kind: 'handled' });
      const [...all] = seen;
      const last = all.at(-1);
      if (last !== undefined && !last.destroyed) await once(last, 'close');
      expect(seen.size).toBe(put);
    }
    await client.close();
  },
);

test('who is no OpenTSDB is no answer', async () => {
  const primary = await serve((socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n\r\n'));
  expect(await putTo(primary)).toEqual({
    kind: 'unanswered',
    reason: 'what it answers is no HTTP/1.1',
    isLate: false,
  });
});
