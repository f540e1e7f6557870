import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RestoreEvent, RestoreResult } from '../../../src/restore/restore-request.ts';
import { type MainChild, spawnMain } from '../../kit/spawn-main.ts';

export interface RestoreEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly events: readonly RestoreEvent[];
  /** Undefined when it ended without one. */
  readonly result: RestoreResult | undefined;
  readonly stderr: string;
}

/** The built `tsdb-wal restore … --json` as a process of its own. */
export class RestoreProcess {
  readonly events: RestoreEvent[] = [];
  readonly #child: MainChild;
  readonly #ended: Promise<RestoreEnd>;
  #onEvent: (() => void) | undefined;

  private constructor(child: MainChild) {
    this.#child = child;
    this.#ended = this.#follow(child);
  }

  static start(flags: readonly string[]): RestoreProcess {
    return new RestoreProcess(spawnMain(['restore', '--json', ...flags]));
  }

  async end(): Promise<RestoreEnd> {
    return this.#ended;
  }

  /** Resolves once it told of such an event; rejects when it ended without. */
  async until(holds: (event: RestoreEvent) => boolean): Promise<void> {
    const over = this.#ended.then(() => 'over' as const);
    while (!this.events.some(holds)) {
      const told = new Promise<'told'>((resolve) => (this.#onEvent = () => resolve('told')));
      const next = await Promise.race([over, told]);
      if (next === 'over' && !this.events.some(holds)) {
        throw new Error(`it ended before that: ${(await this.#ended).stderr}`);
      }
    }
  }

  kill(signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  async #follow(child: MainChild): Promise<RestoreEnd> {
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    createInterface(child.stdout).on('line', (line) => {
      this.events.push(JSON.parse(line) as RestoreEvent);
      this.#onEvent?.();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    const last = this.events.at(-1);
    const result = last?.event === 'result' ? last : undefined;
    return { code, events: this.events, result, stderr };
  }
}
