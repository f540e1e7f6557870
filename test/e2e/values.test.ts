import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Settings, Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { HttpCollector, TelnetCollector } from './kit/clients.ts';
import { jsonOf, type Line, missingIn } from './kit/ledger.ts';

/** What goes through JavaScript numbers or another transport comes out changed: 2^53 + 1, a long's end, floats of 4 bytes. */
const VALUES = words(
  '0 -0 127 128 -32769 4294967296 9007199254740993 -9223372036854775808 9223372036854775807',
  '1.10 0.1 1.5 -1.5 1e5 1.5E-7 16777217.5 4.2e-45 1234567890.125',
);
/** Only JSON has strings, and those with spaces. */
const JSON_VALUES = ['" 1.5 "', '"0.1"', '"9007199254740993"', '"1e5"', '1E5', '0.10'];

const TELNET_VALUES = words('+5 .5 1. 1e+5 00012');

const BASE = Math.floor(Date.now() / 3_600_000) * 3_600;

describeOnStack('what is stored', (stack) => {
  const settings: Readonly<Record<string, Settings>> = {
    'with fix_duplicates=true': {},
    'with fix_duplicates=false': { 'tsd.storage.fix_duplicates': 'false' },
    'with enable_chunked=false': { 'tsd.http.request.enable_chunked': 'false' },
  };

  test.each(Object.keys(settings))('is what is stored without the proxy, %s', async (name) => {
    await using run = await Run.start(await stack(), settings[name] ?? {});
    await run.sendAll(run.proxy.port);
    await run.sendAll(run.direct.port);
    const direct = await settledScan(run.direct);
    expect(direct).toHaveLength(
      2 * (2 * VALUES.length + JSON_VALUES.length + TELNET_VALUES.length),
    );
    await expect.poll(() => scanAll(run.proxied)).toEqual(direct);
    // The scan does not tell a float on 4 bytes from one on 8. Cells of another form would be further ones.
    await run.sendAll(run.proxied.port);
    await sleep(2_000);
    expect(await scanAll(run.proxied)).toEqual(direct);
  });

  test('comes in bodies that OpenTSDB takes, with enable_chunked=false', async () => {
    const chunked = { 'tsd.http.request.enable_chunked': 'false' };
    await using run = await Run.start(await stack(), chunked);
    const lines = Array.from({ length: 2_000 }, (_, n): Line => `put large ${BASE + n} ${n} h=a`);
    const body = `[${lines.map(jsonOf).join()}]`;
    expect(body.length).toBeGreaterThan(100_000);
    expect((await new HttpCollector(run.direct.port).send(body)).status).toBe(400);
    expect(await run.http.put(lines)).toBeUndefined();
    await expect.poll(() => missingIn(run.proxied.url, lines)).toEqual([]);
  });
});

/** One OpenTSDB that the proxy puts to, and one that is put to directly. */
class Run implements AsyncDisposable {
  readonly http: HttpCollector;

  readonly proxied: Tsd;
  readonly direct: Tsd;
  readonly proxy: ProxyProcess;

  private constructor(proxied: Tsd, direct: Tsd, proxy: ProxyProcess) {
    this.proxied = proxied;
    this.direct = direct;
    this.proxy = proxy;
    this.http = new HttpCollector(proxy.port);
  }

  static async start(
    stack: { opentsdb(name: string, choice: { settings: Settings }): Promise<Tsd> },
    settings: Settings,
  ): Promise<Run> {
    const [proxied, direct] = await Promise.all([
      stack.opentsdb('values-proxied', { settings }),
      stack.opentsdb('values-direct', { settings }),
    ]);
    return new Run(
      proxied,
      direct,
      await ProxyProcess.start({ primary: proxied.url, until: 'live' }),
    );
  }

  /** The same points, to whatever listens on the port. */
  async sendAll(port: number): Promise<void> {
    const http = new HttpCollector(port);
    const telnet = new TelnetCollector(port);
    const values = [...VALUES, ...JSON_VALUES];
    const points = values.flatMap((value, n) => [
      `put by.http ${BASE + n} ${value} h=a`,
      `put by.http ${BASE + n}500 ${value} h=b`,
    ]);
    // A value with spaces is no telnet line: it is built here as it is sent.
    const body = points.map((line) => jsonWith(line)).join();
    const { status, text } = await http.send(`[${body}]`);
    if (status !== 200) throw new Error(text);
    const lines = [...VALUES, ...TELNET_VALUES].flatMap((value, n) => [
      `put by.telnet ${BASE + n} ${value} h=a`,
      `put by.telnet ${BASE + n}500 ${value} h=b`,
    ]);
    const error = await telnet.put(lines);
    if (error !== undefined) throw new Error(error);
    http.close();
    telnet.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.http.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.proxied.kill9();
    await this.direct.kill9();
  }
}

function words(...texts: readonly string[]): string[] {
  return texts.join(' ').split(' ');
}

function jsonWith(line: string): string {
  const [, metric, timestamp, value, tag] = /^put (\S+) (\d+) (".*"|\S+) h=(\w)$/.exec(line) ?? [];
  return `{"metric":"${metric}","timestamp":${timestamp},"value":${value},"tags":{"h":"${tag}"}}`;
}

async function scanAll(tsd: Tsd): Promise<readonly string[]> {
  return [...(await tsd.scan('by.http')), ...(await tsd.scan('by.telnet'))];
}

/** After OpenTSDB has flushed. */
async function settledScan(tsd: Tsd): Promise<readonly string[]> {
  await sleep(2_000);
  return scanAll(tsd);
}
