import { join } from 'node:path';
import { fieldsOf } from '../record/fields.ts';
import { type Fork, type LoggedFork, parseFork, Undone } from '../record/fork.ts';
import { forksIn } from '../record/lane-control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { WalError } from '../runtime/errors.ts';
import { type DurableLog, endOf, LogReader } from '../wal/log-reader.ts';
import { readChecked, writeChecked } from '../runtime/checked-json.ts';

/** What the log went back to, as this directory knows it. */
interface KnownFork extends Fork {
  /** By then the log, and Kafka, had it, epoch ms; null: not yet, as far as is known. */
  readonly toldAt: number | null;
}

const FILE = 'forks.json';

/**
 * What must not reach the primary though the log has it, over restarts: `forks.json` of the data directory. The log says it, too; but a follower would
 * come to that only after the records that it is said of.
 */
export class KnownForks {
  readonly undone: Undone;
  readonly #path: string;
  #forks: readonly KnownFork[];
  /** The file was not there: it was lost, or the directory is new. */
  #isMissing: boolean;

  private constructor(path: string, forks: readonly KnownFork[], isMissing: boolean) {
    this.#path = path;
    this.#forks = forks;
    this.#isMissing = isMissing;
    this.undone = new Undone(forks);
  }

  /** Throws DATA_UNUSABLE. */
  static async open(dataDirectory: string): Promise<KnownForks> {
    const path = join(dataDirectory, FILE);
    const read = await readChecked(path);
    if (read === 'absent') return new KnownForks(path, [], true);
    const list = read === 'damaged' ? undefined : read['forks'];
    const forks = Array.isArray(list) ? list.map((one) => parseKnown(one)) : [undefined];
    if (forks.every((fork) => fork !== undefined)) return new KnownForks(path, forks, false);
    throw new WalError('DATA_UNUSABLE', `${path} is damaged: it cannot be told what is undone`, {
      hint: 'Put it back from a copy. Or remove it: what is undone after the place of the primary is then read from the log.',
    });
  }

  /** What is undone has still to be read from the log. */
  get isMissing(): boolean {
    return this.#isMissing;
  }

  get all(): readonly Fork[] {
    return this.#forks;
  }

  /** Those that went back to before a time, and were told after it, epoch ms: the log as it was then does not say what they undid. */
  around(ms: number): readonly Fork[] {
    return this.#forks.filter(({ at, toldAt }) => at < ms && (toldAt ?? Infinity) > ms);
  }

  /**
   * Reads what the log says by now after a place, where the file was missing, and writes it; returns what was found. A record undoes what is
   * before it: who has come past it gets none of that any more. Rejects, having written nothing, when the signal aborts.
   */
  async recall(
    log: DurableLog,
    after: Position | undefined,
    signal: AbortSignal,
  ): Promise<readonly Fork[]> {
    if (!this.#isMissing) return [];
    const end = log.durable;
    const found = new Map<string, LoggedFork>();
    const reader = new LogReader(log);
    try {
      for (let place = after; place === undefined || comparePositions(place, end) < 0;) {
        signal.throwIfAborted();
        const read = await reader.next(place);
        if (read === undefined) break;
        place = endOf(read);
        if (read.kind === 'hole') continue;
        for (const fork of forksIn(read)) if (!this.undone.knows(fork)) found.set(fork.id, fork);
      }
    } finally {
      await reader.close();
    }
    const recalled = [...found.values()].map(({ id, at, undone, receivedAt: toldAt }) => {
      return { id, at, undone, toldAt };
    });
    signal.throwIfAborted();
    await this.#save([...this.#forks, ...recalled]);
    for (const fork of recalled) this.undone.add(fork);
    this.#isMissing = false;
    return recalled;
  }

  /**
   * Durable when it resolves; where the file was missing, once `recall` has: a file that lacks what the log says is not to be there.
   * One that is known changes nothing.
   */
  async add(fork: Fork): Promise<void> {
    if (this.undone.knows(fork)) return;
    const forks = [...this.#forks, { ...fork, toldAt: null }];
    if (this.#isMissing) this.#forks = forks;
    else await this.#save(forks);
    this.undone.add(fork);
  }

  /** The log, and Kafka, have it by then, epoch ms. Durable when it resolves. */
  async told(id: string, ms: number): Promise<void> {
    await this.#save(this.#forks.map((fork) => (fork.id === id ? { ...fork, toldAt: ms } : fork)));
  }

  async #save(forks: readonly KnownFork[]): Promise<void> {
    await writeChecked(this.#path, { forks });
    this.#forks = forks;
  }
}

function parseKnown(value: unknown): KnownFork | undefined {
  const fork = parseFork(value);
  const { toldAt } = fieldsOf(value);
  return fork && { ...fork, toldAt: typeof toldAt === 'number' ? toldAt : null };
}
