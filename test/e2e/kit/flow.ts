import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tsd } from '../../../scripts/stack/opentsdb.ts';
import type { Stack } from '../../../scripts/stack/stack.ts';
import { ProxyProcess } from '../../kit/proxy-process.ts';
import { TcpProxy } from '../../kit/tcp-proxy.ts';
import { HttpCollector, TelnetCollector } from './clients.ts';
import type { Line } from './ledger.ts';
import { below } from './random-history.ts';

const METRICS = ['flow.a', 'flow.b', 'flow.c'];
const VALUES = '1 300 1.5 1.10 9007199254740993 1e5 -0 0.1 -9223372036854775808 70000'.split(' ');
const TAGS = ['h=a', 'h=b', 'h=a i=c'];
const HOUR_MS = 3_600_000;
/** Late, about now, and to come. */
const OFFSETS_MS = [-400 * 24 * HOUR_MS, 0, 0, 0, 48 * HOUR_MS];
/** The log is archived so often, so that restores read segments and what only the log has. */
const FLAGS = ['--wal-cut-interval', '1s', '--delivery-ack-timeout', '1s'];

/** Collectors, a proxy that archives, and an OpenTSDB that refuses metrics it does not know; with a bad time. */
export class Flow implements AsyncDisposable {
  readonly proxy: ProxyProcess;
  /** Between what happened. */
  readonly times: number[] = [];
  readonly #tsd: Tsd;
  readonly #wire: TcpProxy;
  readonly #random: () => number;
  readonly #startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  #http: HttpCollector;
  #telnet: TelnetCollector;

  private constructor(
    parts: { readonly tsd: Tsd; readonly wire: TcpProxy; readonly proxy: ProxyProcess },
    random: () => number,
  ) {
    this.#tsd = parts.tsd;
    this.#wire = parts.wire;
    this.proxy = parts.proxy;
    this.#random = random;
    this.#http = new HttpCollector(parts.proxy.port);
    this.#telnet = new TelnetCollector(parts.proxy.port);
  }

  static async start(stack: Stack, random: () => number): Promise<Flow> {
    const settings = { 'tsd.core.auto_create_metrics': 'false' };
    const tsd = await stack.opentsdb('flow', { settings });
    await fetch(`${tsd.url}/api/uid/assign?metric=${METRICS.join()}`);
    const wire = await TcpProxy.start(tsd.port);
    const proxy = await ProxyProcess.start({ primary: wire.url, flags: FLAGS, until: 'live' });
    return new Flow({ tsd, wire, proxy }, random);
  }

  get repository(): string {
    return join(this.proxy.dataDirectory, 'repository');
  }

  /** So many things happen, one after the other. */
  async play(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      this.times.push(Date.now());
    }
    await this.#wire.set({ kind: 'pass' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    this.#telnet.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.#wire[Symbol.asyncDispose]();
    await this.#tsd.kill9();
  }

  async #step(): Promise<void> {
    const dice = below(this.#random, 100);
    if (dice < 50) await this.#http.put(this.#lines());
    else if (dice < 72) await this.#telnet.put(this.#lines());
    else if (dice < 80) await this.#http.put([`put unknown.${dice} ${this.#startMs} 1 h=a`]);
    else if (dice < 85) await this.#wire.set({ kind: 'refuse' });
    else if (dice < 90) await this.#wire.set({ kind: 'pass' });
    else if (dice < 93) await this.#restart(() => this.proxy.kill9());
    else if (dice < 95) await this.#restart(() => this.proxy.terminate());
    // Longer than a second, after which an idle log ticks.
    else await sleep(1_200);
  }

  async #restart(end: () => Promise<unknown>): Promise<void> {
    this.#http.close();
    this.#telnet.close();
    await end();
    await this.proxy.start();
    this.#http = new HttpCollector(this.proxy.port);
    this.#telnet = new TelnetCollector(this.proxy.port);
  }

  /** Of few instants, so that many are written again, in another form mostly. */
  #lines(): Line[] {
    return Array.from({ length: 1 + below(this.#random, 8) }, () => {
      const pick = <T>(from: readonly T[]): T | undefined => from[below(this.#random, from.length)];
      const seconds = (this.#startMs + (pick(OFFSETS_MS) ?? 0)) / 1_000 + below(this.#random, 6);
      const timestamp = below(this.#random, 3) === 0 ? `${seconds}000` : `${seconds}`;
      return `put ${pick(METRICS)} ${timestamp} ${pick(VALUES)} ${pick(TAGS)}`;
    });
  }
}
