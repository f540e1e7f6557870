import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { Load } from './kit/clients.ts';
import { Ledger, missingIn } from './kit/ledger.ts';
import { tell } from './kit/run.ts';
import { countLines, readWholeLog } from './kit/whole-log.ts';

const SHUTDOWN_MS = 3_000;
/** What ends after the connections, on a busy machine: the last flush of the log, the process itself, and the clients. */
const SLACK_MS = 17_000;
const FLAGS = ['--limits-shutdown-timeout', `${SHUTDOWN_MS}ms`];
const CLIENTS = { http: 6, telnet: 4, batch: 20, pauseMs: 0, again: false };

describeOnStack('a proxy that is asked to end under load', (stack) => {
  let tsd: Tsd;
  let wire: TcpProxy;

  beforeAll(async () => {
    tsd = await (await stack()).opentsdb('sigterm');
    wire = await TcpProxy.start(tsd.port);
    return async () => {
      await wire[Symbol.asyncDispose]();
      await tsd.kill9();
    };
  });

  beforeEach(() => wire.set({ kind: 'pass' }));

  test('answers what it has read, ends with 0, and has lost nothing', async () => {
    await using proxy = await ProxyProcess.start({
      primary: wire.url,
      flags: FLAGS,
      until: 'live',
    });
    const ledger = new Ledger();
    await using load = new Load({ port: proxy.port, ledger, metric: 'term', ...CLIENTS });
    await expect.poll(() => ledger.acknowledged.size).toBeGreaterThan(2_000);
    await endWell(proxy, load);
    await expectLogged(proxy, ledger);
    await proxy.start();
    await expect.poll(() => missingIn(tsd.url, ledger.acknowledged)).toEqual([]);
    expect(proxy.lines.filter((line) => line.includes('"closed":true'))).toHaveLength(1);
  });

  test('does not wait for a primary that is silent, and answers those who wait for it', async () => {
    await using proxy = await ProxyProcess.start({
      primary: wire.url,
      flags: [...FLAGS, '--delivery-ack-timeout', '60s'],
      until: 'live',
    });
    const ledger = new Ledger();
    await using load = new Load({ port: proxy.port, ledger, metric: 'silent', ...CLIENTS });
    await expect.poll(() => ledger.acknowledged.size).toBeGreaterThan(1_000);
    await wire.set({ kind: 'blackhole' });
    // By now each client waits for an answer that the primary does not give.
    await sleep(1_000);
    const answered = ledger.acknowledged.size;
    await endWell(proxy, load);
    const waiting = (CLIENTS.http + CLIENTS.telnet) * CLIENTS.batch;
    expect(ledger.acknowledged.size).toBe(answered + waiting);
    await expectLogged(proxy, ledger);
    await wire.set({ kind: 'pass' });
    wire.reset();
    await proxy.start();
    await expect.poll(() => missingIn(tsd.url, ledger.acknowledged)).toEqual([]);
  });

  test('leaves no client hanging that has sent half a request or nothing', async () => {
    await using proxy = await ProxyProcess.start({
      primary: wire.url,
      flags: FLAGS,
      until: 'live',
    });
    const sockets = await Promise.all([
      open(proxy.port, ''),
      open(proxy.port, 'put half.line 1700000000 1'),
      open(proxy.port, 'POST /api/put HTTP/1.1\r\nContent-Length: 100\r\n\r\n[{"metric"'),
      open(proxy.port, 'GET /api/ver'),
    ]);
    const ends = sockets.map((socket) => closed(socket));
    const startMs = performance.now();
    expect(await proxy.terminate()).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(SHUTDOWN_MS + SLACK_MS);
    await Promise.all(ends);
  });
});

async function endWell(proxy: ProxyProcess, load: Load): Promise<void> {
  const startMs = performance.now();
  const [code] = await Promise.all([proxy.terminate(), load.stop()]);
  const tookMs = performance.now() - startMs;
  tell(`ended after ${Math.round(tookMs)} ms`);
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(SHUTDOWN_MS + SLACK_MS);
}

async function expectLogged(proxy: ProxyProcess, ledger: Ledger): Promise<void> {
  const log = await readWholeLog(proxy.dataDirectory);
  expect(log).toMatchObject({ holes: [], closed: true });
  const counts = countLines(log);
  expect([...ledger.acknowledged].filter((line) => !counts.has(line))).toEqual([]);
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
}
