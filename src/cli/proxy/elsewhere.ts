import { type EarlierHome, readEarlierHome } from '../../archive/earlier-home.ts';
import type { Config } from '../../config/options.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** Tells that what is logged goes to another repository than it did before: by a mistyped name, or a share that isn't mounted, or since it is meant. */
export class Elsewhere {
  readonly #config: Config;
  #before: EarlierHome | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  /** For people. */
  get troubles(): readonly string[] {
    if (this.#before === undefined) return [];
    const { repository } = this.#config;
    const { repository: id, place, until } = this.#before;
    return [
      `${repository} is another repository than this directory was archived to before: until ${formatInstant(until)} that was ${place} (id ${id}), whose history ends there. If that one is meant, mount it or name it again, and start: what the log still has is archived there, too. If the new one is meant, remove DATA/archive-before.json`,
    ];
  }

  /** Call it once a second. */
  async look(): Promise<void> {
    if (this.#config.archive === 'on') this.#before = await readEarlierHome(this.#config.data);
  }
}
