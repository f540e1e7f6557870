import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FromArchiver, ToArchiver } from '../archive/process/archive-messages.ts';

export interface ArchiveProcessOptions {
  /** The path of this program, or of what stands in for it in tests. */
  readonly program: string;
  /** Of its command line. */
  readonly arguments: readonly string[];
  readonly clock: Clock;
  readonly events: ArchiveProcessEvents;
}

interface ArchiveProcessEvents {
  started(pid: number): void;
  told(message: FromArchiver): void;
  /** It ended without being asked to; it is started again after `nextMs`. */
  ended(how: string, nextMs: number): void;
}

const LIMITS = {
  restartMsMin: 500,
  restartMsMax: 60_000,
  /** One that ran so long has not failed at once: the next wait is short again. */
  soundMsMin: 60_000,
  /** From being let go to SIGKILL. */
  stopMsMax: 5_000,
  /** From SIGKILL to giving up on it: a process that hangs in a dead share can't be killed. */
  killMsMax: 1_000,
} as const;

/**
 * Keeps the archiver running as a child process, so that neither its memory nor its processor time nor a crash of it,
 * nor a repository that hangs, reaches the process that takes writes. It ends by itself when this one is gone.
 */
export class ArchiveProcess {
  readonly #options: ArchiveProcessOptions;
  readonly #backoff = new Backoff({
    delayMsMin: LIMITS.restartMsMin,
    delayMsMax: LIMITS.restartMsMax,
    random: Math.random,
  });
  #child: ChildProcess | undefined;

  constructor(options: ArchiveProcessOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#child?.connected === true;
  }

  /** False when there is none to tell: it is told again what it needs when it has started. */
  send(message: ToArchiver): boolean {
    if (!this.isConnected) return false;
    // What can't be sent shows as its end.
    this.#child?.send(message, () => undefined);
    return true;
  }

  /** Runs until the signal aborts, and then until the child has ended, or can't be ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const how = await this.#runOnce(signal).catch((error: Error) => error.message);
      if (signal.aborted) return;
      if (clock.monotonicMs() - startMs >= LIMITS.soundMsMin) this.#backoff.reset();
      const nextMs = this.#backoff.nextMs();
      events.ended(how, nextMs);
      await clock.sleep(nextMs, signal);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<string> {
    const { events } = this.#options;
    const child = fork(this.#options.program, [...this.#options.arguments], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--enable-source-maps'],
    });
    this.#child = child;
    child.on('message', (message) => events.told(message as FromArchiver));
    const done = new AbortController();
    const stop = (): void => void this.#stop(child, done.signal);
    signal.addEventListener('abort', stop, { once: true });
    if (child.pid !== undefined) events.started(child.pid);
    if (signal.aborted) stop();
    try {
      return await Promise.race([endOf(child), this.#givenUp(signal, done.signal)]);
    } finally {
      signal.removeEventListener('abort', stop);
      done.abort();
      this.#child = undefined;
    }
  }

  async #stop(child: ChildProcess, done: AbortSignal): Promise<void> {
    // It ends as when this process is gone.
    if (child.connected) child.disconnect();
    await this.#options.clock.sleep(LIMITS.stopMsMax, done);
    if (!done.aborted) child.kill('SIGKILL');
  }

  async #givenUp(signal: AbortSignal, done: AbortSignal): Promise<string> {
    if (!signal.aborted) await once(signal, 'abort');
    await this.#options.clock.sleep(LIMITS.stopMsMax + LIMITS.killMsMax, done);
    return 'it could not be ended';
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
    child.on('error', (error) => resolve(error.message));
  });
}
