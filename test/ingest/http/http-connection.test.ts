import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { HttpConnection } from '../../../src/ingest/http/http-connection.ts';
import { Turns } from '../../../src/ingest/http/turns.ts';
import { Client, answer, eventually, openDoor, point, post, put, statuses } from '../door.ts';

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const oldRequest = (headers: string[] = []): string =>
  post('/api/put', point(1), headers).toString().replace('HTTP/1.1', 'HTTP/1.0');

describe('an HTTP connection', () => {
  test('answers pipelined requests in order, however their submissions end', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(
      Buffer.concat([
        post('/api/put?summary', point(1)),
        post('/api/put', point(2)),
        post('/api/put', '{'),
      ]),
    );
    await eventually(() => path.submitted[1]);
    path.submitted[1]?.settle(path.accepted());
    path.submitted[0]?.settle(path.accepted());
    await client.until((received) => statuses(received).length === 3);
    expect(statuses(client.received)).toEqual([200, 204, 400]);
    expect(path.lines()).toEqual([put(1), put(2)]);
  });

  test('takes chunked bodies, Expect, and a body one byte at a time', async () => {
    const { port, path } = await openDoor();
    const client = new Client(port);
    const body = point(1);
    const half = Math.floor(body.length / 2);
    client.send('POST /api/put HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    client.send(`${chunk(body.slice(0, half))}${chunk(body.slice(half))}0\r\n\r\n`);
    await client.until((received) => received.includes('204'));
    client.send(
      `POST /api/put HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await client.until((received) => received.includes('100 Continue'));
    for (const byte of body) {
      client.send(byte);
      await client.sent();
    }
    await client.until((received) => statuses(received).length === 3);
    expect(statuses(client.received)).toEqual([204, 100, 204]);
    expect(path.lines()).toEqual([put(1), put(1)]);
  });

  test('of HTTP/1.0 ends with its answer, unless it asked to be kept', async () => {
    const { port } = await openDoor();
    const client = new Client(port);
    client.send(oldRequest(['Connection: keep-alive']));
    await client.until((received) => statuses(received).length === 1);
    client.send(oldRequest());
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([204, 204]);
  });

  test.each([
    ['GET\r\n\r\n', ''],
    ['GET /api/version\r\n\r\n', ''],
    ['PUT spec.x 1795379110 1 h=a\n', ''],
    [`GET / HTTP/1.1\r\nX: ${'a'.repeat(9_000)}\r\n\r\n`, ''],
    [
      'GET http://x/api/version HTTP/1.1\r\nConnection: close\r\n\r\n',
      'HTTP/1.1 400 Bad Request\r\n\r\n',
    ],
    ['GET api/version HTTP/1.1\r\n\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ])('is closed on %j as OpenTSDB does', async (request, reply) => {
    const { port } = await openDoor();
    const client = new Client(port);
    client.send(request);
    expect(await client.untilClosed()).toBe(reply);
  });

  test('answers what came before a request that it can\u2019t read', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(Buffer.concat([post('/api/put', point(1)), Buffer.from('GET\r\n\r\n')]));
    await eventually(() => path.submitted[0]);
    path.submitted[0]?.settle(path.accepted());
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([204]);
  });

  test('whose head does not come in time is closed', async () => {
    const { port } = await openDoor({ limits: { idleTimeoutMs: 200 } });
    const client = new Client(port);
    client.send('POST /api/put HTT');
    await client.untilClosed(20_000);
    expect(statuses(client.received)).toEqual([408]);
  });

  test('that has sent all and ended still gets its answers, and then the end', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(Buffer.concat([post('/api/put', point(1)), post('/api/put', point(2))]));
    client.socket.end();
    await eventually(() => path.submitted[1]);
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([204, 204]);
  });

  test('has all that it asked answered when the door closes, and ends', async () => {
    const { door, port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(Buffer.concat([post('/api/put', point(1)), post('/api/put', point(2))]));
    await eventually(() => path.submitted[1]);
    const closing = door.close(5_000);
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    await closing;
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([204, 204]);
  });

  test('may expect what nobody knows, and have more headers than anyone counts', async () => {
    const { port, path } = await openDoor();
    const expecting = await answer(port, post('/api/put', point(1), ['Expect: the-best']));
    const many = Array.from({ length: 1_200 }, () => 'a:');
    const [head = '', body = ''] = post('/api/put', point(2)).toString().split('\r\n\r\n');
    const [first = '', ...rest] = head.split('\r\n');
    const counted = [first, ...many, ...rest].join('\r\n');
    const received = await answer(port, `${counted}\r\n\r\n${body}`);
    expect(statuses(expecting + received)).toEqual([204, 204]);
    expect(path.lines()).toEqual([put(1), put(2)]);
  });

  test('is not read while much of its pipeline is under way, and then goes on', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const requests = 5_000;
    const client = new Client(port);
    client.send(post('/api/put', point(1)).toString().repeat(requests));
    await eventually(() => path.submitted[100]);
    // A second connection has its turn, which shows that nothing more of the first is about to be read.
    new Client(port).send(post('/api/put', point(2)));
    await eventually(() => path.lines().includes(put(2)) || undefined);
    // What one read of the socket brings is parsed at once.
    const readBytes = 64 * 1024;
    const inOneRead = Math.ceil(readBytes / post('/api/put', point(1)).length);
    expect(path.submitted.length).toBeLessThanOrEqual(100 + inOneRead + 1);
    path.auto = true;
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    await client.until((received) => statuses(received).length === requests);
  });

  test('whose client takes no answers is closed in time', async () => {
    const { port, door } = await openDoor({ limits: { idleTimeoutMs: 300 } });
    const client = new Client(port);
    client.socket.pause();
    // Each answer repeats what was wrong: more than the sockets hold.
    const wrong = point(1).replace('sys.cpu', 'm'.repeat(50_000));
    client.send(post('/api/put?details', wrong).toString().repeat(400));
    await eventually(() => door.connections() === 1 || undefined);
    await eventually(() => door.connections() === 0 || undefined, 20_000);
    expect(client.socket.bytesRead).toBeLessThan(400 * 50_000);
  });

  test('whose body stops coming is told so, and closed', async () => {
    const { port } = await openDoor({ limits: { idleTimeoutMs: 300 } });
    const client = new Client(port);
    client.send(post('/api/put', point(1)).subarray(0, -5));
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([408]);
  });

  test('that waits for us longer than the idle time-out is not closed', async () => {
    const { port, path } = await openDoor({ limits: { idleTimeoutMs: 100 } });
    path.auto = false;
    const waiting = new Client(port);
    waiting.send(post('/api/put', point(1)));
    const idle = new Client(port);
    await eventually(() => path.submitted[0]);
    // It came later, and its time is over.
    await idle.untilClosed();
    path.submitted[0]?.settle(path.accepted());
    await waiting.until((received) => received.includes('204'));
  });

  test('that is idle is closed in time', async () => {
    const { port } = await openDoor({ limits: { idleTimeoutMs: 200 } });
    const client = new Client(port);
    client.send(post('/api/put', point(1)));
    await client.untilClosed(20_000);
    expect(statuses(client.received)).toEqual([204]);
  });
});

describe('HTTP limits', () => {
  test('a body over the limit is answered 413 and the connection closed, also when it keeps sending', async () => {
    const { port, counted } = await openDoor({ limits: { bodyBytesMax: 1_000 } });
    const declared = new Client(port);
    declared.send(post('/api/put', 'x'.repeat(200_000)));
    await declared.untilClosed();
    expect(statuses(declared.received)).toEqual([413]);
    const chunked = new Client(port);
    chunked.send('POST /api/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let sent = 0; sent < 50; sent++) chunked.send(`400\r\n${'x'.repeat(1_024)}\r\n`);
    await chunked.untilClosed();
    expect(statuses(chunked.received)).toEqual([413]);
    expect(counted).toEqual({ received: 2, 'too-large': 2 });
  });

  test('bytes in flight over the budget are answered 503, and the budget comes back', async () => {
    const { port, path, counted } = await openDoor({ limits: { sourceInFlightBytesMax: 5_000 } });
    path.auto = false;
    const client = new Client(port);
    client.send(post('/api/put', point(1)));
    client.send(post('/api/put', `${point(2)}${' '.repeat(4_000)}`));
    await eventually(() => (counted['overload'] === 1 ? true : undefined));
    path.submitted[0]?.settle(path.accepted());
    await client.until((received) => statuses(received).length === 2);
    expect(statuses(client.received)).toEqual([204, 503]);
    expect(client.received).toContain('Retry-After: 1');
    path.auto = true;
    client.send(post('/api/put', `${point(3)}${' '.repeat(2_000)}`));
    await client.until((received) => statuses(received).length === 3);
    expect(statuses(client.received)).toEqual([204, 503, 204]);
  });

  test('a client that hangs up midway gives its budget back', async () => {
    const { port } = await openDoor({ limits: { inFlightBytesMax: 10_000 } });
    const client = new Client(port);
    client.send(post('/api/put', 'x'.repeat(9_000)).subarray(0, 500));
    await client.sent();
    client.socket.destroy();
    const second = new Client(port);
    await eventually(() => {
      second.send(post('/api/put', `${point(1)}${' '.repeat(7_000)}`));
      return second.received.includes('204') ? true : undefined;
    });
  });

  test('so does one that hangs up while its points are logged', async () => {
    const { port, path, counted } = await openDoor({ limits: { inFlightBytesMax: 10_000 } });
    path.auto = false;
    const client = new Client(port).send(
      post('/api/put?details', `${point(1)}${' '.repeat(7_000)}`),
    );
    await eventually(() => path.submitted[0]);
    client.socket.destroy();
    await client.untilClosed();
    path.submitted[0]?.settle(path.accepted());
    path.auto = true;
    const received = await answer(port, post('/api/put', `${point(2)}${' '.repeat(7_000)}`));
    expect(statuses(received)).toEqual([204]);
    expect(counted).toEqual({ received: 2 });
  });
});

test('a body is decoded in its turn: what waits is as small as it came', async () => {
  const connection = new HttpConnection(new Socket(), new Turns());
  const done: string[] = [];
  const large = new Promise<{ text: string }>((resolve) => {
    setTimeout(() => resolve({ text: 'first' }), 20);
  });
  const take = ({ text }: { text: string }): void => void done.push(text);
  const first = connection.inTurn(() => large, take);
  let isDecoded = false;
  const second = connection.inTurn(() => {
    isDecoded = true;
    return { text: 'second' };
  }, take);
  await Promise.resolve();
  expect(isDecoded).toBe(false);
  await Promise.all([first, second]);
  expect(done).toEqual(['first', 'second']);
});
