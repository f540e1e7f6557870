import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

/** Any built command as a process of its own, which ends with the test. */
export class MainProcess implements AsyncDisposable {
  /** All that it printed, on both streams, line by line. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #onLine: (() => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        this.lines.push(line);
        this.#onLine?.();
      });
    }
    this.#ended = once(child, 'close').then(([code]) => code as number | null);
  }

  static start(...args: readonly string[]): MainProcess {
    const command = ['--enable-source-maps', MAIN, ...args];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    const killWithTests = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithTests);
    child.once('exit', () => process.off('exit', killWithTests));
    return new MainProcess(child);
  }

  /** Its exit code; null when a signal ended it. */
  async end(): Promise<number | null> {
    return this.#ended;
  }

  /** Resolves once a line has the text; rejects when it ended without. */
  async until(text: string): Promise<void> {
    const over = this.#ended.then(() => 'over' as const);
    const has = (): boolean => this.lines.some((line) => line.includes(text));
    while (!has()) {
      const told = new Promise<'told'>((resolve) => (this.#onLine = () => resolve('told')));
      const next = await Promise.race([over, told]);
      if (next === 'over' && !has()) {
        throw new Error(`it ended without ${text}:\n${this.lines.slice(-20).join('\n')}`);
      }
    }
  }

  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }
}
