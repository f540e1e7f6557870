import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { type MainChild, spawnMain } from './spawn-main.ts';
import { tempDirectory, type TempDirectory } from './temp.ts';

const LIMITS = {
  readyMsMax: 60_000,
  endMsMax: 30_000,
  statusMsMax: 60_000,
  pollMs: 20,
  tailLines: 40,
} as const;

export interface ProxyOptions {
  /** The URL of the primary OpenTSDB. */
  readonly primary: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `answering`: `/ready` need only answer. `live`: answers wait for the primary. */
  readonly until?: 'ready' | 'answering' | 'live';
  /** Unless given, a new empty one that goes with the proxy. */
  readonly data?: string;
}

/** What tests read of `/status`. */
export interface ProxyStatus {
  readonly log: {
    readonly taking: boolean;
    readonly durable: string;
    readonly bytes: number;
    readonly holes: readonly {
      readonly lane: string;
      readonly from: number;
      readonly to: number;
    }[];
  };
  readonly primary: {
    readonly url: string;
    readonly state: { readonly kind: 'live' | 'behind' | 'down'; readonly reason?: string };
    readonly delivered: string | null;
    readonly confirmed: string | null;
    readonly lagBytes: number;
    readonly suspects: number;
    readonly mends: number;
    readonly deadLetters: number;
  };
  /** Only with Kafka. */
  readonly kafka?: {
    readonly state: { readonly kind: 'live' | 'behind' | 'down'; readonly reason?: string };
    readonly registered: boolean;
    readonly acknowledged: string;
    readonly troubles: readonly string[];
  };
  readonly archive: ArchiveStatus;
}

export interface ArchiveStatus {
  readonly mode: 'on' | 'off';
  readonly id: string | null;
  readonly state: { readonly kind: string; readonly reason?: string };
  readonly registered: boolean;
  readonly archived: string | null;
  readonly lagBytes: number;
  readonly safeTime: string | null;
  readonly recoverable: { readonly from: string; readonly to: string } | null;
  readonly holes: number;
  readonly troubles: readonly string[];
  readonly process: { readonly pid: number | null; readonly starts: number };
}

/** The built proxy as a process of its own, on ports and a data directory that it keeps from start to start. */
export class ProxyProcess implements AsyncDisposable {
  readonly port: number;
  readonly adminPort: number;
  /** All that it printed, on both streams and over all its starts, line by line. */
  readonly lines: string[] = [];
  readonly #options: ProxyOptions;
  readonly #data: TempDirectory;
  #child: MainChild | undefined;

  private constructor(options: ProxyOptions, ports: readonly number[], data: TempDirectory) {
    [this.port = 0, this.adminPort = 0] = ports;
    this.#options = options;
    this.#data = data;
  }

  /** Resolves once it is ready; rejects, with its exit code and last lines, when it ends instead. */
  static async start(options: ProxyOptions): Promise<ProxyProcess> {
    const ports = [await freePort(), await freePort()];
    const data = options.data === undefined ? await tempDirectory('proxy') : lent(options.data);
    const proxy = new ProxyProcess(options, ports, data);
    try {
      await proxy.start();
      if (options.until === 'live') await proxy.untilLive();
      return proxy;
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `HOST:PORT` for collectors. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  get dataDirectory(): string {
    return this.#data.path;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it again, after it ended, with the same ports and data, and with other flags when given. */
  async start(flags: readonly string[] = this.#options.flags ?? []): Promise<void> {
    const child = spawnMain(this.#arguments(flags), this.#options.environment);
    this.#child = child;
    child.once('exit', () => (this.#child = undefined));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => this.lines.push(line));
    }
    await this.#ready(child);
  }

  async status(): Promise<ProxyStatus> {
    const answer = await fetch(`${this.adminUrl}/status`);
    return (await answer.json()) as ProxyStatus;
  }

  /** Resolves once `/status` is as wanted; rejects, with what it says instead, after the time given. */
  async until(holds: (status: ProxyStatus) => boolean, msMax = LIMITS.statusMsMax): Promise<void> {
    const deadline = Date.now() + msMax;
    for (;;) {
      const status = await this.status();
      if (holds(status)) return;
      if (Date.now() > deadline) {
        throw new Error(`the status stays ${JSON.stringify(status)}${this.#tail()}`);
      }
      await sleep(LIMITS.pollMs);
    }
  }

  /** Resolves once the primary has all there is, and answers wait for it. */
  async untilLive(msMax = LIMITS.statusMsMax): Promise<void> {
    await this.until(({ primary }) => primary.state.kind === 'live', msMax);
  }

  /** As a crash ends it: at once. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to end, and resolves to its exit code. */
  async terminate(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
    await this.#data[Symbol.asyncDispose]();
  }

  #arguments(flags: readonly string[]): readonly string[] {
    const listen = ['--listen', this.address, '--admin', `127.0.0.1:${this.adminPort}`];
    const rest = ['--primary', this.#options.primary, '--data', this.dataDirectory];
    return ['start', ...listen, ...rest, ...flags];
  }

  async #ready(child: MainChild): Promise<void> {
    const deadline = Date.now() + LIMITS.readyMsMax;
    for (;;) {
      const answer = await fetch(`${this.adminUrl}/ready`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok === true) return;
      if (answer !== undefined && this.#options.until === 'answering') return;
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `the proxy ended with ${child.exitCode ?? child.signalCode}${this.#tail()}`,
        );
      }
      if (Date.now() > deadline) throw new Error(`the proxy did not get ready${this.#tail()}`);
      await sleep(LIMITS.pollMs);
    }
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(LIMITS.endMsMax) });
    child.kill(signal);
    try {
      await ended;
    } catch (cause) {
      child.kill('SIGKILL');
      throw new Error(`the proxy did not end on ${signal}${this.#tail()}`, { cause });
    }
    return child.exitCode;
  }

  #tail(): string {
    return `; its last lines:\n${this.lines.slice(-LIMITS.tailLines).join('\n')}`;
  }
}

/** A directory that stays. */
function lent(path: string): TempDirectory {
  return { path, [Symbol.asyncDispose]: () => Promise.resolve() };
}
