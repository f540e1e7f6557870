import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

const LIMITS = { readyMsMax: 30_000, endMsMax: 30_000, pollMs: 20, tailCharacters: 4_000 } as const;
/** Below the range of outgoing connections, so that none takes a port while the proxy is down. */
const PORTS = { first: 20_000, count: 10_000, triesMax: 100 } as const;

/** The part of /status that the demonstration shows. */
export interface ProxyStatus {
  readonly log: { readonly durable: string; readonly bytes: number };
  readonly primary: {
    readonly state: { readonly kind: 'live' } | { readonly kind: string; readonly reason: string };
    readonly confirmed: string | null;
    readonly lagSeconds: number;
    readonly lagBytes: number;
  };
}

/** The built proxy as a process of its own, which keeps its ports and its data from start to start. */
export class DemoProxy {
  readonly port: number;
  readonly dataDirectory: string;
  readonly #adminPort: number;
  readonly #primary: string;
  readonly #logPath: string;
  #child: ChildProcess | undefined;

  private constructor(ports: readonly number[], primary: string, directory: string) {
    [this.port = 0, this.#adminPort = 0] = ports;
    this.#primary = primary;
    this.dataDirectory = join(directory, 'data');
    this.#logPath = join(directory, 'proxy.log');
  }

  /** Not yet started. Its data and what it prints go to `directory`. */
  static async create(primary: string, directory: string): Promise<DemoProxy> {
    return new DemoProxy([await freePort(), await freePort()], primary, directory);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it takes data. */
  async start(): Promise<void> {
    const log = openSync(this.#logPath, 'a');
    const [listen, admin] = [`127.0.0.1:${this.port}`, `127.0.0.1:${this.#adminPort}`];
    const places = ['--listen', listen, '--admin', admin, '--data', this.dataDirectory];
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', MAIN, 'start', '--primary', this.#primary, ...places],
      { env: ownEnvironment(), stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#child = child;
    const endToo = (): boolean => child.kill('SIGKILL');
    process.once('exit', endToo);
    child.once('exit', () => {
      process.off('exit', endToo);
      if (this.#child === child) this.#child = undefined;
    });
    await this.#ready(child);
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to end; resolves to its exit code. */
  async terminate(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Undefined while it doesn't answer. */
  async status(): Promise<ProxyStatus | undefined> {
    const answer = await this.#ask('/status');
    return answer?.ok === true ? ((await answer.json()) as ProxyStatus) : undefined;
  }

  async #ask(path: string): Promise<Response | undefined> {
    const signal = AbortSignal.timeout(2_000);
    return fetch(`http://127.0.0.1:${this.#adminPort}${path}`, { signal }).catch(() => undefined);
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + LIMITS.readyMsMax;
    for (;;) {
      const answer = await this.#ask('/ready');
      await answer?.body?.cancel();
      if (answer?.ok === true) return;
      const isEnded = child.exitCode !== null || child.signalCode !== null;
      if (isEnded || Date.now() > deadline) {
        throw new Error(`the proxy ${isEnded ? 'ended' : 'did not get ready'}; ${this.#tail()}`);
      }
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
      throw new Error(`the proxy did not end on ${signal}; ${this.#tail()}`, { cause });
    }
    return child.exitCode;
  }

  #tail(): string {
    return `its last words:\n${readFileSync(this.#logPath, 'utf8').slice(-LIMITS.tailCharacters)}`;
  }
}

/** Without a person's options of the proxy. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TSDB_WAL_'));
  return Object.fromEntries(others);
}

async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORTS.triesMax; attempt += 1) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error('no free port');
}
