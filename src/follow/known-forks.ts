import { join } from 'node:path';
import { type Fork, parseFork, Undone } from '../record/fork.ts';
import { WalError } from '../runtime/errors.ts';
import { readChecked, writeChecked } from './checked-json.ts';

const FILE = 'forks.json';

/**
 * What must not reach the primary though the log has it, over restarts: `forks.json` of the data directory. The log says it, too; but a follower would
 * come to that only behind the records that it is said of.
 */
export class KnownForks {
  readonly undone: Undone;
  readonly #path: string;
  #forks: readonly Fork[];

  private constructor(path: string, forks: readonly Fork[]) {
    this.#path = path;
    this.#forks = forks;
    this.undone = new Undone(forks);
  }

  /** Throws DATA_UNUSABLE. */
  static async open(dataDirectory: string): Promise<KnownForks> {
    const path = join(dataDirectory, FILE);
    const read = await readChecked(path);
    if (read === 'absent') return new KnownForks(path, []);
    const list = read === 'damaged' ? undefined : read['forks'];
    const forks = Array.isArray(list) ? list.map((one) => parseFork(one)) : [undefined];
    if (forks.every((fork) => fork !== undefined)) return new KnownForks(path, forks);
    throw new WalError('DATA_UNUSABLE', `${path} is damaged: it cannot be told what is undone`, {
      hint: 'Put it back from a copy. The log has the same as `!fork` records (tsdb-wal wal inspect --records).',
    });
  }

  get all(): readonly Fork[] {
    return this.#forks;
  }

  /** Durable when it resolves; one that is known changes nothing. */
  async add(fork: Fork): Promise<void> {
    if (this.undone.knows(fork)) return;
    const forks = [...this.#forks, fork];
    await writeChecked(this.#path, { forks });
    this.#forks = forks;
    this.undone.add(fork);
  }
}
