import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAdminServer, type AdminServer, type Health } from '../../src/admin/admin-server.ts';
import { WalError } from '../../src/runtime/errors.ts';
import { Metrics } from '../../src/runtime/metrics.ts';

const WELL: Health = { ok: true, reasons: [], degraded: [] };

describe('the admin server', () => {
  let health = WELL;
  let ready = true;
  let status: () => unknown;
  let admin: AdminServer;
  let base = '';

  beforeEach(async () => {
    health = WELL;
    ready = true;
    status = () => ({ lane: 'a1', confirmed: 12n });
    const metrics = new Metrics();
    metrics.counter({ name: 'received_points_total', help: 'Points received.' }).inc(5);
    admin = createAdminServer({
      status: () => status(),
      health: () => health,
      ready: () => ready,
      metrics,
      actions: {
        '/echo': (body) => Promise.resolve({ body: body ?? null }),
        '/refuse': () =>
          Promise.reject(new WalError('PROMOTE_REFUSED', 'it is not held', { hint: 'Hold it.' })),
      },
    });
    base = `http://127.0.0.1:${await admin.start({ host: '127.0.0.1', port: 0 })}`;
  });

  afterEach(() => admin.close());

  const get = async (path: string) => {
    const response = await fetch(base + path);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  };

  test('is healthy while writes are taken, also when degraded', async () => {
    health = { ...WELL, degraded: ['the primary does not answer'] };
    const answer = await get('/health');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual(health);
  });

  test('is unhealthy, with the reasons, while writes are not taken', async () => {
    health = { ok: false, reasons: ['the disk is full'], degraded: [] };
    const answer = await get('/health');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual(health);
  });

  test('is ready only when told so', async () => {
    expect((await get('/ready')).status).toBe(200);
    ready = false;
    expect((await get('/ready')).status).toBe(503);
  });

  test('gives metrics as Prometheus scrapes them', async () => {
    const answer = await get('/metrics');
    expect(answer.type).toContain('text/plain');
    expect(answer.text).toContain('tsdb_wal_received_points_total 5');
  });

  test('gives the status as JSON that people can read', async () => {
    const answer = await get('/status');
    expect(answer.type).toBe('application/json; charset=utf-8');
    expect(answer.text).toBe('{\n  "lane": "a1",\n  "confirmed": "12"\n}\n');
  });

  const post = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(base + path, { method: 'POST', ...init });
    return { status: response.status, answer: await response.json() };
  };

  test('does what is asked, with the JSON that came, and only when it is posted', async () => {
    const json = { headers: { 'content-type': 'application/json' }, body: '{"lane":"a"}' };
    expect(await post('/echo', json)).toEqual({ status: 200, answer: { body: { lane: 'a' } } });
    expect(await post('/echo')).toEqual({ status: 200, answer: { body: null } });
    expect((await get('/echo')).status).toBe(404);
  });

  test.each([
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-8',
    'text/plain',
    '',
  ])('takes JSON for JSON also when it is sent as %o', async (type) => {
    const headers = { 'content-type': type };
    // fetch would name a type of its own.
    const sent = request(`${base}/echo`, { method: 'POST', ...(type !== '' && { headers }) });
    sent.end('{"lane":"a"}');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(JSON.parse(await text(answer))).toEqual({ body: { lane: 'a' } });
  });

  test('takes an empty body for none, and says what is no JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const none = await post('/echo', { headers, body: '' });
    expect(none).toEqual({ status: 200, answer: { body: null } });
    const { status: code, answer } = await post('/echo', { body: '{"lane":' });
    expect([code, answer]).toEqual([
      400,
      { error: expect.stringContaining('the body is no JSON: ') as string },
    ]);
  });

  test('says why what is asked cannot be done, and what to do', async () => {
    expect(await post('/refuse')).toEqual({
      status: 409,
      answer: { error: 'it is not held', code: 'PROMOTE_REFUSED', hint: 'Hold it.' },
    });
  });

  test.each([{ origin: 'http://tsdb-wal.example' }, { 'sec-fetch-site': 'none' }])(
    'does nothing for a page in a browser, which says %j',
    async (headers) => {
      // fetch would not send these.
      const sent = request(`${base}/echo`, { method: 'POST', headers }).end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      expect(answer.statusCode).toBe(403);
    },
  );

  test('says in JSON what is not here, and where to look', async () => {
    const answer = await get('/nothing');
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'GET /nothing is not here' });
  });

  test('answers a fault inside with JSON and goes on', async () => {
    status = () => {
      throw new Error('no status');
    };
    const answer = await get('/status');
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toEqual({ error: 'no status' });
    expect((await get('/ready')).status).toBe(200);
  });

  test('says which address cannot be had', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const second = createAdminServer({
      status,
      health: () => WELL,
      ready: () => true,
      metrics: new Metrics(),
    });
    await expect(second.start({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      context: { port },
      hint: expect.stringContaining('another process') as string,
    });
    // Of a net for documentation (RFC 5737).
    await expect(second.start({ host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
      hint: expect.stringContaining('This machine has no such address') as string,
    });
    await second.close();
    other.close();
  });

  test('closes at once with a connection open, and twice', async () => {
    await get('/ready');
    await admin.close();
    await admin.close();
  });
});
