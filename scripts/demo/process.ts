import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

const LIMITS = { readyMsMax: 60_000, endMsMax: 30_000, pollMs: 20, tailCharacters: 4_000 } as const;

export interface ProcessOptions {
  /** As people are told of it. */
  readonly name: string;
  /** After `tsdb-wal`. */
  readonly args: readonly string[];
  readonly logPath: string;
  /** Asked again and again after a start, until it says yes. */
  readonly isReady: () => Promise<boolean>;
}

/** The built program as a process that can be killed and started again. */
export class DemoProcess {
  readonly name: string;
  readonly #options: ProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Resolves once it is ready. */
  async start(): Promise<void> {
    const { args, logPath } = this.#options;
    const log = openSync(logPath, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], {
      env: ownEnvironment(),
      stdio: ['ignore', log, log],
    });
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

  async #ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + LIMITS.readyMsMax;
    while (!(await this.#options.isReady())) {
      const isEnded = child.exitCode !== null || child.signalCode !== null;
      if (isEnded || Date.now() > deadline) {
        throw new Error(`${this.name} ${isEnded ? 'ended' : 'did not get ready'}; ${this.#tail()}`);
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
      throw new Error(`${this.name} did not end on ${signal}; ${this.#tail()}`, { cause });
    }
    return child.exitCode;
  }

  #tail(): string {
    const { logPath } = this.#options;
    return `its last words:\n${readFileSync(logPath, 'utf8').slice(-LIMITS.tailCharacters)}`;
  }
}

/** Without a person's options of the proxy, nor anything that it would take for one. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TSDB_WAL_'));
  return Object.fromEntries(others);
}

/** What an admin server answers; undefined while it doesn't. */
export async function ask(port: number, path: string): Promise<Response | undefined> {
  const signal = AbortSignal.timeout(2_000);
  return fetch(`http://127.0.0.1:${port}${path}`, { signal }).catch(() => undefined);
}

export async function isReadyAt(port: number): Promise<boolean> {
  const answer = await ask(port, '/ready');
  await answer?.body?.cancel();
  return answer?.ok === true;
}
