import { randomUUID } from 'node:crypto';
import { type Logger, pino } from 'pino';
import { createProxyMetrics } from '../../src/proxy/proxy-metrics.ts';
import { Proxy } from '../../src/proxy/proxy.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Submission, WriteOutcome } from '../../src/ingest/write-path/write-path.ts';
import type { Position } from '../../src/record/position.ts';
import { parsePutBody } from '../../src/opentsdb/put-body.ts';
import { DEFAULT_RULES } from '../../src/opentsdb/put-rules.ts';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Metrics } from '../../src/runtime/metrics.ts';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { PATIENCE_MS, until } from '../kit/until.ts';
import { type Entry, readLog } from '../kit/wal-log.ts';

const FLUSH_MS = 30;

export interface RigOptions {
  readonly flags?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where the proxy looks for the primary, when not at the fake itself. */
  readonly primary?: (tsd: FakeTsd) => string;
}

/** The proxy without its front door: write path, log and follower in one data directory, and a fake OpenTSDB. */
export class Rig implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly #data: TempDirectory;
  readonly #options: RigOptions;
  readonly #metrics = new Metrics();
  readonly #counts = createProxyMetrics(this.#metrics);
  #proxy: Proxy | undefined;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(tsd: FakeTsd, data: TempDirectory, options: RigOptions) {
    this.tsd = tsd;
    this.#data = data;
    this.#options = options;
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const tsd = await FakeTsd.start();
    tsd.settings['tsd.storage.flush_interval'] = String(FLUSH_MS);
    tsd.storage.start(FLUSH_MS);
    const rig = new Rig(tsd, await tempDirectory('follow'), options);
    await rig.open();
    return rig;
  }

  get proxy(): Proxy {
    if (this.#proxy === undefined) throw new Error('the proxy does not run');
    return this.#proxy;
  }

  get data(): string {
    return this.#data.path;
  }

  get clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  /** A start on the same data, with other flags when given. */
  async open(flags: Readonly<Record<string, string>> = {}): Promise<void> {
    const { primary } = this.#options;
    const config = await loadConfig({
      environment: {},
      flags: {
        primary: primary?.(this.tsd) ?? this.tsd.url,
        data: this.data,
        archive: 'off',
        'delivery.healWindow': '300ms',
        'delivery.syncTimeout': '1s',
        'delivery.requestTimeout': '2s',
        'delivery.ackTimeout': '1s',
        'wal.memoryBytes': '4MiB',
        ...this.#options.flags,
        ...flags,
      },
    });
    const level = process.env['TSDB_WAL_TEST_LOG'] ?? 'silent';
    const logger = this.#options.logger ?? pino({ level });
    const proxy = await Proxy.open({
      config,
      clock: this.clock,
      logger,
      metrics: this.#counts,
      version: randomUUID(),
    });
    this.#proxy = proxy;
    this.#stop = new AbortController();
    this.#running = proxy.run(this.#stop.signal);
  }

  /** An orderly stop. */
  async close(): Promise<void> {
    if (this.#proxy === undefined) return;
    this.#stop.abort();
    await Promise.race([this.#running, timeout('stopped')]);
    await this.#proxy.close();
    this.#proxy = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.tsd[Symbol.asyncDispose]();
    await this.#data[Symbol.asyncDispose]();
  }

  /** As a body by HTTP. */
  async putJson(body: string): Promise<WriteOutcome> {
    const bytes = Buffer.from(body);
    const lines = new LineBuffer();
    const result = parsePutBody(bytes, DEFAULT_RULES, lines);
    if (result.kind === 'refused' || result.plain === undefined) throw new Error('not plain');
    return this.#submit({
      transport: 'http',
      source: '127.0.0.1:1',
      lines: lines.view(),
      count: result.accepted,
      sent: bytes.subarray(result.plain.start, result.plain.end),
    });
  }

  async put(transport: 'http' | 'telnet', ...lines: readonly string[]): Promise<WriteOutcome> {
    return this.#submit({
      transport,
      source: '127.0.0.1:1',
      lines: Buffer.from(lines.map((line) => `${line}\n`).join('')),
      count: lines.length,
    });
  }

  #submit(submission: Submission): Promise<WriteOutcome> {
    return new Promise((settle) => this.proxy.writePath.submit(submission, settle));
  }

  /** What is counted, as Prometheus gets it. */
  async scrape(): Promise<string> {
    return (await this.#metrics.scrape()).text;
  }

  /** Everything in the log, the oldest first. */
  async log(): Promise<Entry[]> {
    return (await readLog(this.proxy.wal)).entries;
  }

  async live(): Promise<void> {
    await until(() => this.proxy.primary.state.kind === 'live', 'live');
  }

  /** Resolves once the cursor has passed all that is durable now. */
  async confirmed(): Promise<void> {
    const { durable } = this.proxy.wal;
    const isPassed = (): boolean => isAt(this.proxy.primary.confirmed, durable);
    await until(isPassed, 'confirmed');
  }
}

export function isAt(position: Position | undefined, wanted: Position): boolean {
  if (position === undefined) return false;
  return (position.ordinal - wanted.ordinal || position.seq - wanted.seq) >= 0;
}

async function timeout(what: string): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
  throw new Error(`not ${what} within ${PATIENCE_MS} ms`);
}
