import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning } from './process-identity.ts';

const POLL_MS_MAX = 100;

/**
 * Names of which each belongs to one process at a time, until that gives it back or ends. For each process there is a directory, with a
 * file for each name that it has.
 */
export class Claims {
  readonly #directory: string;
  /** Of this process: to ask for it may cost a process of its own. */
  readonly #own = identify(process.pid) ?? `${process.pid}`;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Of two that ask for one name at once both may be refused, but never are both given it. */
  take(name: string): boolean {
    mkdirSync(join(this.#directory, this.#own), { recursive: true });
    const file = join(this.#directory, this.#own, name);
    if (existsSync(file)) return false;
    writeFileSync(file, '');
    if (!this.#livingOthers().some((other) => existsSync(join(this.#directory, other, name)))) {
      return true;
    }
    rmSync(file);
    return false;
  }

  giveBack(name: string): void {
    rmSync(join(this.#directory, this.#own, name), { force: true });
  }

  /** Does the work while nobody else has the name; waits for that, for so long at most. */
  async inTurn<T>(name: string, waitMsMax: number, work: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + waitMsMax;
    while (!this.take(name)) {
      if (Date.now() > deadline) throw new Error(`another process is at it for too long: ${name}`);
      // Two that were refused do not ask at once again.
      await sleep(1 + Math.random() * POLL_MS_MAX);
    }
    try {
      return await work();
    } finally {
      this.giveBack(name);
    }
  }

  #livingOthers(): readonly string[] {
    return readdirSync(this.#directory).filter((owner) => {
      if (owner === this.#own) return false;
      if (isRunning(owner)) return true;
      rmSync(join(this.#directory, owner), { recursive: true, force: true });
      return false;
    });
  }
}
