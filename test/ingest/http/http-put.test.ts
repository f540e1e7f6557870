import { deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  Client,
  answer,
  bodyOf,
  eventually,
  openDoor,
  point,
  post,
  put,
  statuses,
} from '../door.ts';

const charset = (name: string): string[] => [`Content-Type: text/plain; charset=${name}`];

describe('a put over HTTP', () => {
  test('is submitted as lines and answered 204 with nothing but what OpenTSDB sends', async () => {
    const { port, path, counted } = await openDoor();
    const received = await answer(port, post('/api/put', `[${point(1)},${point(2)}]`));
    expect(received).toBe(
      'HTTP/1.1 204 No Content\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 0\r\n\r\n',
    );
    expect(path.lines()).toEqual([put(1), put(2)]);
    expect(path.submitted[0]?.source).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(counted).toEqual({ received: 2 });
  });

  test.each([
    ['/api/put?summary', '{"success":1,"failed":0}'],
    ['/api/v1/put/?details', '{"success":1,"failed":0,"errors":[]}'],
    ['/API/%70ut/x?summary=false', '{"success":1,"failed":0}'],
    ['/api/put?summary&jsonp=cb', 'cb({"success":1,"failed":0})'],
    ['/api/put?sync&sync_timeout=9&details', '{"success":1,"timeouts":0,"failed":0,"errors":[]}'],
  ])('%s answers %s', async (target, body) => {
    const { port } = await openDoor();
    expect(bodyOf(await answer(port, post(target, point(1))))).toBe(body);
  });

  test.each([
    ['POST', '/api/put?serializer=x', 400, 'Requested serializer was not found'],
    ['GET', '/api/put', 405, 'Method not allowed'],
    ['PATCH', '/api/put', 405, 'Method not allowed'],
    ['FOO', '/api/put', 405, 'Method not allowed'],
    ['POST', '/api/put?jsonp=%3Cscript', 400, 'The jsonp parameter is not a name'],
    ['POST', '/api/put?a=%zz', 400, 'The path or query has a malformed %-escape'],
    ['POST', '/api/%zz', 400, 'The path or query has a malformed %-escape'],
    ['POST', '/api/v2/put', 501, 'Requested API version is greater than the max implemented'],
    ['POST', '/api/put?sync&sync_timeout=x', 500, 'For input string: \\"x\\"'],
  ])('%s %s is refused with %i', async (method, target, status, message) => {
    const { port, path } = await openDoor();
    const request = post(target, point(1)).toString().replace('POST', method);
    const received = await answer(port, request);
    expect(statuses(received)).toEqual([status]);
    expect(bodyOf(received)).toContain(`"message":"${message}"`);
    expect(path.submitted).toEqual([]);
  });

  test('HEAD is answered 405 without a body', async () => {
    const { port } = await openDoor();
    const client = new Client(port);
    client.send('HEAD /api/put HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(bodyOf(await client.untilClosed())).toBe('');
    expect(statuses(client.received)).toEqual([405]);
  });

  test('an unreadable body is refused whole, and counted as one', async () => {
    const { port, path, counted } = await openDoor();
    const received = await answer(port, post('/api/put', '['));
    expect(statuses(received)).toEqual([400]);
    expect(path.submitted).toEqual([]);
    expect(counted).toEqual({ received: 1, unreadable: 1 });
  });

  test('points that the rules refuse are answered at once when nothing else is left', async () => {
    const { port, path, counted } = await openDoor();
    const bad = '{"metric":"a b","timestamp":1,"value":1,"tags":{"h":"a"}}';
    const received = await answer(port, post('/api/put?summary', bad));
    expect(bodyOf(received)).toBe('{"success":0,"failed":1}');
    expect(path.submitted).toEqual([]);
    expect(counted).toEqual({ received: 1, invalid: 1 });
  });

  test('refusals of the primary are merged with our own in input order', async () => {
    const { port, path, counted } = await openDoor();
    path.refuse = 'gone';
    const bad = '{"metric":"a b","timestamp":1,"value":1,"tags":{"h":"a"}}';
    const gone = point(3).replace('sys.cpu', 'gone');
    const received = await answer(
      port,
      post('/api/put?details', `[${point(1)},${bad},${gone},${point(4)}]`),
    );
    const reply: unknown = JSON.parse(bodyOf(received));
    expect(reply).toMatchObject({
      success: 2,
      failed: 2,
      errors: [
        { datapoint: { metric: 'a b' } },
        { datapoint: { metric: 'gone', value: '3' }, error: 'put: unknown metric: gone' },
      ],
    });
    expect(counted).toEqual({ received: 4, invalid: 1, primary: 1 });
  });

  test('what the log does not take is answered 503 with Retry-After', async () => {
    const { port, path, counted } = await openDoor();
    path.available = false;
    const received = await answer(port, post('/api/put', point(1)));
    expect(statuses(received)).toEqual([503]);
    expect(received).toContain('Retry-After: 1\r\n');
    expect(bodyOf(received)).toContain('the disk is full');
    expect(counted).toEqual({ received: 1, unavailable: 1 });
  });

  test('with sync the answer waits for the proof, and says when it did not come', async () => {
    const { port, path } = await openDoor();
    path.stored = 'timeout';
    const received = await answer(
      port,
      post('/api/put?sync&sync_timeout=20', `[${point(1)},${point(2)}]`),
    );
    expect(statuses(received)).toEqual([400]);
    expect(bodyOf(received)).toContain('with 0 successful writes, 0 failed writes and 2 timed out');
    expect(path.awaited).toEqual([20]);
    const details = await answer(port, post('/api/put?sync&sync_timeout=20&details', point(1)));
    expect(bodyOf(details)).toContain('"error":"Write timedout"');
  });

  test.each([
    ['gzip', gzipSync(point(1))],
    ['GZIP', gzipSync(point(1))],
    ['x-gzip', gzipSync(point(1)).subarray(0, -8)],
    ['deflate', deflateSync(point(1))],
    ['deflate', deflateRawSync(point(1))],
    ['br', Buffer.from(point(1))],
    ['gzip', gzipSync(point(1) + ' '.repeat(2_000_000) + Math.random())],
  ])('a body in %s is read', async (coding, body) => {
    const { port, path } = await openDoor();
    const received = await answer(port, post('/api/put', body, [`Content-Encoding: ${coding}`]));
    expect(statuses(received)).toEqual([204]);
    expect(path.lines()).toEqual([put(1)]);
  });

  test('bad points count with the memory that they take', async () => {
    const limits = { sourceInFlightBytesMax: 100_000 };
    const { port, path } = await openDoor({ limits });
    path.auto = false;
    const waiting = new Client(port);
    waiting.send(post('/api/put?summary', `[${'{},'.repeat(1_000)}${point(1)}]`));
    await eventually(() => path.submitted[0]);
    expect(statuses(await answer(port, post('/api/put', point(2))))).toEqual([503]);
    path.submitted[0]?.settle(path.accepted());
    await waiting.until((received) => received.includes('"failed":1000'));
    path.auto = true;
    expect(statuses(await answer(port, post('/api/put?summary', point(2))))).toEqual([200]);
  });

  test('a bomb is answered 413, and what is no gzip 400', async () => {
    const { port } = await openDoor();
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const gzip = ['Content-Encoding: gzip'];
    expect(statuses(await answer(port, post('/api/put', bomb, gzip)))).toEqual([413]);
    expect(statuses(await answer(port, post('/api/put', 'no gzip', gzip)))).toEqual([400]);
  });

  test('a large compressed body does not let a later one of its connection overtake', async () => {
    const { port, path } = await openDoor();
    const noise = Buffer.from(
      Array.from({ length: 300_000 }, () => 0x20 + Math.floor(Math.random() * 90)),
    );
    const large = `{"x":${JSON.stringify(noise.toString('latin1'))},${point(1).slice(1)}`;
    const client = new Client(port);
    client.send(post('/api/put', gzipSync(large), ['Content-Encoding: gzip']));
    client.send(post('/api/put', point(2)));
    client.send(post('/api/put', point(3)));
    await client.until((received) => statuses(received).length === 3);
    expect(path.lines()).toEqual([put(1), put(2), put(3)]);
  });

  test('the charset of a body is honoured, an unknown one refused', async () => {
    const { port, path } = await openDoor();
    const body = Buffer.from(point(1).replace('"a"', '"\u00e9"'), 'latin1');
    await answer(port, post('/api/put', body, charset('ISO-8859-1')));
    expect(path.lines()).toEqual([put(1).replace('h=a', 'h=\u00e9')]);
    expect(statuses(await answer(port, post('/api/put', body, charset('klingon'))))).toEqual([400]);
  });

  test.each(['text', 'application/x-www-form-urlencoded', '///', ''])(
    'the content type %j does not matter',
    async (type) => {
      const { port } = await openDoor();
      const request = post('/api/put', point(1), [`Content-Type: ${type}`]);
      expect(statuses(await answer(port, request))).toEqual([204]);
    },
  );

  test('an answer with a body is compressed for those who accept it', async () => {
    const { port } = await openDoor();
    const client = new Client(port);
    let bytes = Buffer.alloc(0);
    client.socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
    });
    client.send(post('/api/put?summary', point(1), ['Accept-Encoding: gzip', 'Connection: close']));
    await client.untilClosed();
    const body = gunzipSync(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)).toString();
    expect(body).toBe('{"success":1,"failed":0}');
    expect(client.received).toContain('Content-Encoding: gzip');
  });
});
