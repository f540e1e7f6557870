import {
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  createServer,
} from 'node:http';
import { type Socket, createServer as createTcpServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readDeleteFlag } from '../../../src/ingest/http/pass-through.ts';
import { Client, answer, bodyOf, eventually, openDoor, point, post, statuses } from '../door.ts';

/** A primary that answers as told, on a port of its own. */
async function startPrimary(listener: RequestListener): Promise<URL> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
}

/** A primary that answers with what it was asked. */
const echo: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => {
    const text = `${request.method} ${request.url} ${body}`;
    response.writeHead(200, {
      'X-Seen': String(request.headers['x-asked']),
      'Content-Length': text.length,
    });
    response.end(text);
  });
};

const noMarker = (): Promise<void> => Promise.reject(new Error('disk full'));

/** A telnet port that answers `stats`, a rollup and unknown commands as OpenTSDB does. */
async function startTelnetPrimary(): Promise<URL> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').slice(0, -1)) {
        if (line === 'stats') socket.write('tsd.real 1 2 host=b\n');
        else if (line.startsWith('rollup')) socket.write('rollup: passed\n');
        else socket.write(`unknown command: ${line}.  Try \`help'.\n`);
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
}

const seesVia: RequestListener = (request, response) => {
  response.writeHead(200, { 'X-Seen': String(request.headers.via), 'Content-Length': 0 });
  response.end();
};
const ask = (via = ''): string => `GET /api/version HTTP/1.1\r\nHost: x\r\n${via}\r\n`;

describe('what goes through a proxy', () => {
  const LANES = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'] as const;
  test('names the proxies that it came through, both ways', async () => {
    const inner = await openDoor({ primary: await startPrimary(seesVia), lane: () => LANES[0] });
    const primary = new URL(`http://127.0.0.1:${inner.port}`);
    const outer = await openDoor({ primary, lane: () => LANES[1] });
    const received = (await answer(outer.port, ask('Via: 1.0 edge\r\n'))).toLowerCase();
    expect(received).toContain(
      `x-seen: 1.0 edge, 1.1 tsdb-wal-${LANES[1]}, 1.1 tsdb-wal-${LANES[0]}`,
    );
    expect(received).toContain(`\nvia: 1.1 tsdb-wal-${LANES[0]}, 1.1 tsdb-wal-${LANES[1]}\r\n`);
  });

  test('is not named in what the proxy answers itself', async () => {
    const { port } = await openDoor({ primary: await startPrimary(echo) });
    for (const request of [post('/api/put', `[${point(1)}]`), post('/api/put?details', '[')]) {
      expect((await answer(port, request)).toLowerCase()).not.toContain('\nvia:');
    }
  });

  test('ends where it comes back, and says through whom', async () => {
    let other: URL | undefined;
    const one = await openDoor({
      primary: () => other ?? new URL('http://x'),
      lane: () => LANES[0],
    });
    const url = new URL(`http://127.0.0.1:${one.port}`);
    other = url;
    expect(statuses(await answer(one.port, ask()))).toEqual([508]);
    const two = await openDoor({ primary: url, lane: () => LANES[1] });
    other = new URL(`http://127.0.0.1:${two.port}`);
    const received = await answer(one.port, ask());
    expect(statuses(received)).toEqual([508]);
    expect(received.toLowerCase()).toContain(
      `via: 1.1 tsdb-wal-${LANES[1]}, 1.1 tsdb-wal-${LANES[0]}`,
    );
  });
});

describe('what only reads', () => {
  test('reaches the primary as it came, and its answer comes back', async () => {
    const { port } = await openDoor({ primary: await startPrimary(echo) });
    const received = await answer(
      port,
      'GET /api/suggest?q=%41&x=1 HTTP/1.1\r\nHost: x\r\nX-Asked: 7\r\nConnection: X-Gone\r\nX-Gone: 1\r\n\r\n',
    );
    expect(bodyOf(received)).toBe('GET /api/suggest?q=%41&x=1 ');
    expect(received.toLowerCase()).toContain('x-seen: 7');
    const posted = await answer(port, post('/api/search/lookup', '{"metric":"m"}'));
    expect(bodyOf(posted)).toBe('POST /api/search/lookup {"metric":"m"}');
  });

  test('reaches another primary from when that is it; what was asked before is answered', async () => {
    let letGo: (() => void) | undefined;
    const first = await startPrimary((_request, response) => {
      letGo = () => response.end('first');
    });
    const second = await startPrimary((_request, response) => response.end('second'));
    let primary = first;
    const { port } = await openDoor({ primary: () => primary });
    const get = 'GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n';
    const asked = answer(port, get);
    await eventually(() => letGo);
    primary = second;
    expect(bodyOf(await answer(port, get))).toContain('second');
    letGo?.();
    expect(bodyOf(await asked)).toContain('first');
  });

  test('is streamed: the first piece arrives before the last is sent', async () => {
    let open: ServerResponse | undefined;
    const primary = await startPrimary((_request, response) => {
      response.write('first');
      open = response;
    });
    const { port } = await openDoor({ primary });
    const client = new Client(port).send('GET /api/aggregators HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until((received) => received.includes('first'));
    expect(client.received).not.toContain('last');
    open?.end('last');
    await client.until((received) => received.includes('last'));
  });

  test('is answered 503 that says so while the primary is away, and puts are taken all the same', async () => {
    const { port } = await openDoor();
    const received = await answer(port, 'GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(statuses(received)).toEqual([503]);
    expect(bodyOf(received)).toContain('The primary OpenTSDB cannot be reached');
  });

  test('is given up at the primary when the client hangs up', async () => {
    let asked: IncomingMessage | undefined;
    let gone = false;
    const primary = await startPrimary((request, response) => {
      asked = request;
      response.once('close', () => {
        gone = true;
      });
    });
    const { port } = await openDoor({ primary });
    const client = new Client(port).send('GET /api/query?m=a HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => asked);
    client.socket.destroy();
    await eventually(() => (gone ? true : undefined));
  });

  test('an answer that breaks off is broken off for the client too', async () => {
    const primary = await startPrimary((_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('part');
      setTimeout(() => response.destroy(), 20);
    });
    const { port } = await openDoor({ primary });
    const client = new Client(port).send('GET /api/query?m=a HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(bodyOf(await client.untilClosed())).toBe('part');
  });
});

describe('what changes', () => {
  const deletion = '{"start":1,"delete":true,"queries":[]}';

  test('is refused with a sentence, and its connection goes on', async () => {
    const { port, markers } = await openDoor({ primary: await startPrimary(echo) });
    const client = new Client(port);
    client.send(post('/api/annotation', '{}'));
    client.send(post('/api/query', deletion));
    client.send('GET /diediedie HTTP/1.1\r\nHost: x\r\n\r\n');
    client.send('GET /q HTTP/1.1\r\nHost: x\r\n\r\n');
    client.send(post('/api/query', '{"start":1}'));
    await client.until((received) => statuses(received).length === 5);
    expect(statuses(client.received)).toEqual([501, 501, 403, 403, 200]);
    expect(client.received).toContain('tsdb-wal refuses POST annotation');
    expect(markers).toEqual([]);
  });

  test('is passed on after its marker when so configured', async () => {
    const { port, markers } = await openDoor({
      primary: await startPrimary(echo),
      mutations: 'pass',
    });
    const received = await answer(port, post('/api/query?x', deletion));
    expect(bodyOf(received)).toBe(`POST /api/query?x ${deletion}`);
    expect(markers).toEqual(['POST /api/query?x 127.0.0.1']);
  });

  test('is not passed on without a marker', async () => {
    let asked = 0;
    const primary = await startPrimary((_request, response) => {
      asked += 1;
      response.end();
    });
    const { port } = await openDoor({ primary, mutations: 'pass', bypassMarker: noMarker });
    expect(statuses(await answer(port, post('/api/annotation', '{}')))).toEqual([503]);
    expect(asked).toBe(0);
  });

  test.each([
    ['{"delete":true}', 'deletes'],
    ['{"delete":"true"}', 'deletes'],
    ['{"delete":1}', 'deletes'],
    ['{"delete":-0}', 'deletes'],
    ['{"\\u0064elete":true}', 'deletes'],
    ['{"delete":false,"delete":true}', 'deletes'],
    ['{"delete":true,"delete":false}', 'reads'],
    ['{"delete":0}', 'reads'],
    ['{"delete":null}', 'reads'],
    ['{"queries":[{"delete":true}]}', 'reads'],
    ['[]', 'reads'],
    ['', 'reads'],
    ['{"delete":true} trailing', 'unreadable'],
    ['{"start":NaN,"delete":true}', 'unreadable'],
  ])('%s %s', (body, verdict) => {
    expect(readDeleteFlag(body)).toBe(verdict);
  });
});

describe('telnet commands for the primary', () => {
  test('stats is the primary\u2019s own, and a passed rollup leaves a marker', async () => {
    const primary = await startTelnetPrimary();
    const { port, markers } = await openDoor({ primary, mutations: 'pass' });
    const client = new Client(port).send('stats\nrollup 1h-sum a 1 1 h=a\nend\n');
    await client.until((received) => received.includes('end'));
    expect(client.received).toBe(
      "tsd.real 1 2 host=b\nrollup: passed\nunknown command: end.  Try `help'.\n",
    );
    expect(markers).toEqual(['telnet rollup 127.0.0.1']);
  });
});
