import { describe, expect, test } from 'vitest';
import { PutHeads } from '../../../src/ingest/http/put-head.ts';
import { Client, answer, eventually, openDoor, point, post, put, statuses } from '../door.ts';

/** With it a request goes through Node's HTTP, which passes it over. */
const NOT_PLAIN = 'TE: trailers';
const BAD = '{"metric":"sys.cpu","timestamp":1700000000,"value":"x","tags":{"h":"a"}}';

function kindOf(request: string, headers: readonly string[], blockedPaths: string[] = []): string {
  const head = [request, 'Host: x', ...headers];
  return new PutHeads(blockedPaths).read(`${head.join('\r\n')}\r\n\r\n`).kind;
}

describe('a connection with plain puts', () => {
  test.each([
    ['POST /api/put HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/v1/put/?details&sync_timeout=10 HTTP/1.1', ['content-length: 0', 'Accept: */*']],
    ['POST /api/put?summary HTTP/1.1', ['Content-Length: 10', 'Connection: Keep-Alive']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 9', 'Content-Type: text/x; charset=utf-8']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 9', 'Accept-Encoding: gzip']],
  ])('%s, %j is one', (request, headers) => {
    expect(kindOf(request, headers)).toBe('put');
  });

  test.each([
    ['GET /api/put HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/put HTTP/1.0', ['Content-Length: 10']],
    ['POST /api/query HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/put?jsonp=f HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/put?serializer=json HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/%70ut HTTP/1.1', ['Content-Length: 10']],
    ['POST /api/put HTTP/1.1', []],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1, 1']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Content-Length: 1']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Transfer-Encoding: chunked']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Content-Encoding: gzip']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Expect: 100-continue']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Connection: close']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'Content-Type: text/x; charset=latin1']],
    ['POST /api/put?details HTTP/1.1', ['Content-Length: 1', 'Accept-Encoding: gzip']],
    ['POST /api/put HTTP/1.1', ['Content-Length: 1', 'X: a', ' folded']],
    ['POST /api/put HTTP/1.1', ['Content-Length : 1']],
  ])('%s, %j is none', (request, headers) => {
    expect(kindOf(request, headers)).toBe('other');
  });

  test('a blocked put is none', () => {
    expect(kindOf('POST /api/put HTTP/1.1', ['Content-Length: 1'], ['/api'])).toBe('other');
  });

  test.each([
    ['/api/put', point(1), []],
    ['/api/put', `[${point(1)},${BAD}]`, []],
    ['/api/put', BAD, ['Accept-Encoding: deflate;q=0, gzip']],
    ['/api/put', BAD, ['Accept-Encoding: deflate']],
    ['/api/put', '', []],
    ['/api/put', '{', []],
    ['/api/put?summary', point(1), []],
    ['/api/put?details', `[${BAD},${point(1)}]`, []],
    ['/api/put?sync&sync_timeout=x', point(1), []],
    ['/api/put?details', point(66), []],
  ])('is answered as by Node\u2019s HTTP, to the byte: %s %s %j', async (target, body, headers) => {
    const { port, path } = await openDoor();
    path.refuse = ' 66 ';
    const plain = await answer(port, post(target, body, headers));
    const other = await answer(port, post(target, body, [...headers, NOT_PLAIN]));
    expect(plain).toBe(other);
    expect(plain).toContain('HTTP/1.1 ');
  });

  test('so is what the log can\u2019t take', async () => {
    const { port, path } = await openDoor();
    path.available = false;
    const plain = await answer(port, post('/api/put', point(1)));
    expect(plain).toBe(await answer(port, post('/api/put', point(1), [NOT_PLAIN])));
    expect(statuses(plain)).toEqual([503]);
  });

  test('goes on with a body in pieces, and with what comes before the answer, in order', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    const first = post('/api/put', point(1));
    client.send(first.subarray(0, 90));
    await client.sent();
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send(Buffer.concat([first.subarray(90), post('/api/put?summary', point(2))]));
    await eventually(() => path.submitted[0]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send(post('/api/put', point(3)));
    path.submitted[0]?.settle(path.accepted());
    await eventually(() => path.submitted[2]);
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    await client.until((received) => statuses(received).length === 3);
    expect(statuses(client.received)).toEqual([204, 200, 204]);
    expect(path.lines()).toEqual([put(1), put(2), put(3)]);
  });

  test('goes on after any other request', async () => {
    const { port, path } = await openDoor();
    const client = new Client(port);
    const requests = [
      post('/api/put', point(1)),
      Buffer.from('GET /q HTTP/1.1\r\n\r\n'),
      post('/api/put', point(2)),
    ];
    for (const [index, request] of requests.entries()) {
      client.send(request);
      await client.until((received) => statuses(received).length === index + 1);
    }
    expect(statuses(client.received)).toEqual([204, 403, 204]);
    expect(path.lines()).toEqual([put(1), put(2)]);
  });

  test('has its put answered when the door closes, and ends', async () => {
    const { door, port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(post('/api/put', point(1)));
    await eventually(() => path.submitted[0]);
    const closing = door.close(5_000);
    path.submitted[0]?.settle(path.accepted());
    await closing;
    await client.untilClosed();
    expect(client.received).toContain('204 No Content');
    expect(client.received).toContain('Connection: close');
  });

  test('has a body that was begun taken when the door closes', async () => {
    const { door, port, path } = await openDoor();
    const client = new Client(port);
    const request = post('/api/put', point(1));
    client.send(request.subarray(0, 90));
    await client.sent();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closing = door.close(5_000);
    client.send(request.subarray(90));
    await closing;
    await client.untilClosed();
    expect(statuses(client.received)).toEqual([204]);
    expect(path.lines()).toEqual([put(1)]);
  });
});
