import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import type { Stack } from '../../scripts/stack/stack.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { TcpProxy } from '../kit/tcp-proxy.ts';
import { HttpCollector, TelnetCollector } from './kit/clients.ts';
import { instantOf, type Line, missingIn } from './kit/ledger.ts';
import { tell } from './kit/run.ts';
import { foldLog, readWholeLog, type WholeLog } from './kit/whole-log.ts';

const INSTANTS = 216;
const VALUES = ['1', '300', '1.5'] as const;
const TRANSPORTS = ['http', 'telnet'] as const;
const UNITS = ['s', 'ms'] as const;

interface Thrice {
  readonly values?: readonly string[];
  readonly isMixed?: boolean;
  /** How OpenTSDB goes and comes back; unless given, its port is closed. */
  readonly away?: Away;
}

interface Away {
  readonly begin: () => void | Promise<void>;
  readonly end: () => void | Promise<void>;
}

/** One write: its line, and how it is sent. */
interface Write {
  readonly line: Line;
  readonly transport: (typeof TRANSPORTS)[number];
}

describeOnStack('an instant that is written before, during and after an outage', (offered) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await offered();
  });

  describe('of an OpenTSDB that fixes duplicates', () => {
    test('ends with the last value, in the primary and in the log', async () => {
      await using run = await Run.start(stack, 'true');
      const last = await run.writeThrice('thrice');
      await expect.poll(() => missingIn(run.tsd.url, last)).toEqual([]);
      expectFolded(await run.log(), last);
    });

    test('ends with the last value, though OpenTSDB stood still and was not gone', async () => {
      await using run = await Run.start(stack, 'true');
      const { tsd } = run;
      const away = { begin: () => tsd.pause(), end: () => tsd.resume() };
      const last = await run.writeThrice('still', { away });
      await expect.poll(() => missingIn(tsd.url, last)).toEqual([]);
      expectFolded(await run.log(), last);
    });

    test('ends with the later of two writes within one second', async () => {
      await using run = await Run.start(stack, 'true');
      const first = writesOf('twice', 0);
      const second = writesOf('twice', 1);
      for (const [index, write] of first.entries()) await run.put([write, second[index] ?? write]);
      const last = second.map(({ line }) => line);
      await expect.poll(() => missingIn(run.tsd.url, last)).toEqual([]);
      expectFolded(await run.log(), last);
    });
  });

  describe('of an OpenTSDB that does not fix duplicates', () => {
    test('is right in the log, and in the primary where all writes had one form', async () => {
      await using run = await Run.start(stack, 'false');
      const last = await run.writeThrice('plain');
      expectFolded(await run.log(), last);
      const same = await run.writeThrice('alike', { values: ['1', '2', '3'], isMixed: false });
      await expect.poll(() => missingIn(run.tsd.url, same)).toEqual([]);
      const answer = await missingIn(run.tsd.url, last).catch((error: unknown) => String(error));
      tell(`fix_duplicates=false, forms mixed: a query says ${String(answer).slice(0, 160)}`);
    });
  });
});

function expectFolded(log: WholeLog, last: readonly Line[]): void {
  expect(log.holes).toEqual([]);
  const folded = foldLog(log);
  expect(last.filter((line) => folded.get(instantOf(line)) !== line)).toEqual([]);
}

class Run implements AsyncDisposable {
  readonly tsd: Tsd;
  readonly proxy: ProxyProcess;
  readonly #wire: TcpProxy;
  readonly #http: HttpCollector;
  readonly #telnet: TelnetCollector;
  readonly #refused: Away = {
    begin: () => this.#wire.set({ kind: 'refuse' }),
    end: () => this.#wire.set({ kind: 'pass' }),
  };

  private constructor(tsd: Tsd, wire: TcpProxy, proxy: ProxyProcess) {
    this.tsd = tsd;
    this.proxy = proxy;
    this.#wire = wire;
    this.#http = new HttpCollector(proxy.port);
    this.#telnet = new TelnetCollector(proxy.port);
  }

  static async start(stack: Stack, fixDuplicates: string): Promise<Run> {
    const settings = { 'tsd.storage.fix_duplicates': fixDuplicates };
    const tsd = await stack.opentsdb('overwrites', { settings });
    const wire = await TcpProxy.start(tsd.port);
    const flags = ['--delivery-ack-timeout', '1s', '--archive', 'off'];
    return new Run(
      tsd,
      wire,
      await ProxyProcess.start({ primary: wire.url, flags, until: 'live' }),
    );
  }

  /** v1 live, v2 while OpenTSDB is gone, v3 when it is back; resolves to the lines of v3. */
  async writeThrice(metric: string, options: Thrice = {}): Promise<readonly Line[]> {
    const { values, isMixed, away = this.#refused } = options;
    const write = async (version: number): Promise<readonly Line[]> => {
      const writes = writesOf(metric, version, values, isMixed);
      await this.put(writes);
      return writes.map(({ line }) => line);
    };
    await write(0);
    await away.begin();
    await write(1);
    // Longer than one flush of OpenTSDB: nothing of before is still on its way.
    await sleep(1_500);
    await away.end();
    const last = await write(2);
    await this.proxy.untilLive();
    return last;
  }

  /** In their order; writes of one transport that follow each other go together. */
  async put(writes: readonly Write[]): Promise<void> {
    for (let from = 0; from < writes.length;) {
      const transport = writes[from]?.transport ?? 'http';
      let to = from;
      while (to < writes.length && writes[to]?.transport === transport) to += 1;
      const collector = transport === 'http' ? this.#http : this.#telnet;
      const error = await collector.put(writes.slice(from, to).map(({ line }) => line));
      if (error !== undefined) throw new Error(error);
      from = to;
    }
  }

  /** What the log holds once all of it is delivered. */
  async log(): Promise<WholeLog> {
    await this.proxy.until(({ primary }) => primary.mends === 0 && primary.lagBytes === 0);
    await this.proxy.terminate();
    const log = await readWholeLog(this.proxy.dataDirectory);
    await this.proxy.start();
    await this.proxy.untilLive();
    return log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    this.#telnet.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.#wire[Symbol.asyncDispose]();
    await this.tsd.kill9();
  }
}

/**
 * The n-th write of each instant. Its form, that is value, unit and transport, changes from write to write, in another
 * way from instant to instant, so that every change of form occurs.
 */
function writesOf(
  metric: string,
  version: number,
  values: readonly string[] = VALUES,
  isMixed = true,
): Write[] {
  const baseSeconds = Math.floor(Date.now() / 3_600_000) * 3_600;
  return Array.from({ length: INSTANTS }, (_, n) => {
    const turn = isMixed ? Math.floor(n / 6 ** version) : 0;
    const value = values[(isMixed ? turn + version : version) % values.length] ?? '1';
    const unit = UNITS[turn % 2] ?? 's';
    const transport = TRANSPORTS[Math.floor(turn / 2 + version * (isMixed ? 1 : 0)) % 2] ?? 'http';
    const seconds = baseSeconds + n;
    const timestamp = unit === 's' ? `${seconds}` : `${seconds}000`;
    return { line: `put ${metric} ${timestamp} ${value} h=a`, transport };
  });
}
