import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Claims } from './claims.ts';
import { identify, isRunning, pidOf } from './process-identity.ts';

const LIMITS = { readyMsMax: 120_000, stopMsMax: 20_000, pollMs: 50, tailLines: 40 } as const;

export interface DaemonSpec {
  /** Where its log and its identity are kept: `NAME.log` and `NAME.pid`. */
  readonly directory: string;
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Done before each start. */
  readonly prepare?: () => Promise<void>;
  /** Asked again and again, with what it logged since this start, until it says yes. */
  readonly ready: (log: string) => boolean | Promise<boolean>;
}

/**
 * A process of the stack that outlives the one that started it: it is known by its identity file, so any process may
 * end it. `stop` and `kill9` on one that has ended do nothing.
 */
export class KnownDaemon {
  readonly directory: string;
  readonly name: string;

  constructor({ directory, name }: { readonly directory: string; readonly name: string }) {
    this.directory = directory;
    this.name = name;
  }

  /** Undefined when it does not run. */
  get pid(): number | undefined {
    const identity = readIfThere(this.path('pid'));
    return identity !== '' && isRunning(identity) ? pidOf(identity) : undefined;
  }

  get running(): boolean {
    return this.pid !== undefined;
  }

  /** All it logged, from its first start on. */
  log(): string {
    return readIfThere(this.path('log'));
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid !== undefined) signalProcess(pid, signal);
  }

  protected path(ending: 'log' | 'pid'): string {
    return join(this.directory, `${this.name}.${ending}`);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const deadline = Date.now() + LIMITS.stopMsMax;
    for (let sent = false; ; sent = true) {
      const { pid } = this;
      if (pid === undefined) break;
      if (!sent) signalProcess(pid, signal);
      else if (Date.now() > deadline) signalProcess(pid, 'SIGKILL');
      await sleep(LIMITS.pollMs);
    }
    rmSync(this.path('pid'), { force: true });
  }
}

/** One that can be started too; `start` does nothing while it runs, whoever started it. */
export class Daemon extends KnownDaemon {
  readonly #spec: DaemonSpec;

  constructor(spec: DaemonSpec) {
    super(spec);
    this.#spec = spec;
  }

  /** Resolves once it is ready; rejects, with the end of its log, when it ends or is not ready in time. */
  async start(): Promise<void> {
    const starting = new Claims(join(this.directory, 'starting'));
    await starting.inTurn(this.name, 2 * LIMITS.readyMsMax, async () => {
      if (this.running) return;
      await this.#spec.prepare?.();
      await this.#spawn();
    });
  }

  async #spawn(): Promise<void> {
    const log = openSync(this.path('log'), 'a');
    const logBytesBefore = statSync(this.path('log')).size;
    const { command, args } = this.#spec;
    const child = spawn(command, args, {
      cwd: this.directory,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const failure = new Promise<never>((_, reject) => {
      child.once('error', (cause) => reject(new Error(`${this.name} cannot start`, { cause })));
      child.once('exit', (code, signal) =>
        reject(new Error(`${this.name} ended with ${code ?? signal}${this.#tail()}`)),
      );
    });
    // It also settles when nobody waits for it any more: when the daemon ends one day.
    failure.catch(() => undefined);
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) writeFileSync(this.path('pid'), identity);
    await Promise.race([failure, this.#ready(logBytesBefore)]);
  }

  async #ready(logBytesBefore: number): Promise<void> {
    const deadline = Date.now() + LIMITS.readyMsMax;
    while (!(await this.#spec.ready(readIfThere(this.path('log'), logBytesBefore)))) {
      // It ended: the exit's own message says more.
      if (!this.running) return new Promise(() => undefined);
      if (Date.now() > deadline) {
        throw new Error(
          `${this.name} was not ready in ${LIMITS.readyMsMax / 1000} s${this.#tail()}`,
        );
      }
      await sleep(LIMITS.pollMs);
    }
  }

  #tail(): string {
    const lines = this.log().trimEnd().split('\n').slice(-LIMITS.tailLines);
    return `; the end of ${this.path('log')}:\n${lines.join('\n')}`;
  }
}

/** Whether something listens on the port of 127.0.0.1. */
export async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in between.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function readIfThere(path: string, fromByte = 0): string {
  try {
    return readFileSync(path).subarray(fromByte).toString('utf8');
  } catch {
    return '';
  }
}
