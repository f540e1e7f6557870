import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

describe('the fault proxy', () => {
  let served = 0;
  const server = createServer((_, response) => {
    served += 1;
    response.end('0123456789');
  });
  let proxy: TcpProxy;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    served = 0;
    proxy = await TcpProxy.start((server.address() as AddressInfo).port);
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  async function get(timeoutMs = 5_000): Promise<string> {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(proxy.url, { signal, headers: { Connection: 'close' } });
    return answer.text();
  }

  test('passes on and counts', async () => {
    expect(await get()).toBe('0123456789');
    expect(proxy.traffic.connections).toBe(1);
    expect(proxy.traffic.answerBytes).toBeGreaterThan(10);
  });

  test('refuses, and comes back on the same port', async () => {
    await proxy.set({ kind: 'refuse' });
    await expect(get()).rejects.toThrow('fetch failed');
    await proxy.set({ kind: 'pass' });
    expect(await get()).toBe('0123456789');
  });

  test('swallows requests as a black hole', async () => {
    await proxy.set({ kind: 'blackhole' });
    await expect(get(200)).rejects.toThrow('timeout');
    expect([served, proxy.traffic.connections]).toEqual([0, 1]);
  });

  test('lets requests through and no answer back when half open', async () => {
    await proxy.set({ kind: 'halfOpen' });
    await expect(get(200)).rejects.toThrow('timeout');
    expect(served).toBe(1);
  });

  test('cuts an answer in its body', async () => {
    await proxy.set({ kind: 'cutBody', bodyBytes: 4 });
    await expect(get()).rejects.toThrow('terminated');
    expect([served, proxy.traffic.cuts]).toEqual([1, 1]);
  });

  test('cuts an answer before its first byte', async () => {
    await proxy.set({ kind: 'cut', answerBytes: 0 });
    await expect(get()).rejects.toThrow('fetch failed');
    expect([served, proxy.traffic.cuts, proxy.traffic.answerBytes]).toEqual([1, 1, 0]);
  });

  test('ends a connection instead of the answer to a request that is picked', async () => {
    await proxy.set({ kind: 'cutAnswer', to: (request) => request.includes('GET /picked') });
    expect(await get()).toBe('0123456789');
    await expect(fetch(`${proxy.url}/picked`)).rejects.toThrow('fetch failed');
    expect([served, proxy.traffic.cuts]).toEqual([2, 1]);
  });

  test('delays a request, and keeps the order when the fault is over before', async () => {
    await proxy.set({ kind: 'delay', requestMs: 150, answerMs: 0 });
    const socket = connect(proxy.port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    socket.write('GET /slow HTTP/1.1\r\n');
    await expect.poll(() => proxy.traffic.requestBytes).toBe(20);
    await proxy.set({ kind: 'pass' });
    socket.write('Host: a\r\n\r\n');
    expect(served).toBe(0);
    await expect.poll(() => text).toContain('0123456789');
    socket.destroy();
  });

  test('delays an answer and its end', async () => {
    await proxy.set({ kind: 'delay', answerMs: 150 });
    const startedAt = performance.now();
    expect(await get()).toBe('0123456789');
    expect(performance.now() - startedAt).toBeGreaterThan(140);
    await expect.poll(() => proxy.open).toBe(0);
  });
});
