import { join } from 'node:path';
import { type EarlierHome, readEarlierHome } from '../../archive/earlier-home.ts';
import type { Config } from '../../config/options.ts';
import {
  type FormerPrimary,
  PRIMARY_BEFORE,
  readFormerPrimary,
} from '../../follow/former-primary.ts';
import { formatPosition } from '../../record/position.ts';
import { formatInstant } from '../../runtime/instant.ts';

/**
 * Tells that what is logged goes to another repository, or to another OpenTSDB, than it did before: by a mistyped name, or a share that isn't
 * mounted, or since it is meant.
 */
export class Elsewhere {
  readonly #config: Config;
  readonly #primary: () => string;
  #before: EarlierHome | undefined;
  #former: FormerPrimary | undefined;

  /** `primary`: the origin of the one that is fed. */
  constructor(config: Config, primary: () => string) {
    this.#config = config;
    this.#primary = primary;
  }

  /** For people. */
  get troubles(): readonly string[] {
    const { data } = this.#config;
    const former = this.#former && tellFormer(this.#former, this.#primary(), data);
    return [...(former === undefined ? [] : [former]), ...this.#repository];
  }

  get #repository(): readonly string[] {
    if (this.#before === undefined) return [];
    const { repository } = this.#config;
    const { repository: id, place, until } = this.#before;
    return [
      `${repository} is another repository than this directory was archived to before: until ${formatInstant(until)} that was ${place} (id ${id}), whose history ends there. If that one is meant, mount it or name it again, and start: what the log still has is archived there, too. If the new one is meant, remove DATA/archive-before.json`,
    ];
  }

  /** Call it once a second. */
  async look(): Promise<void> {
    const { archive, data } = this.#config;
    if (archive === 'on') this.#before = await readEarlierHome(data);
    this.#former = await readFormerPrimary(data);
  }
}

/** Of a primary that goes on behind what another one got. */
export function tellFormer(
  { primary: before, position, until }: FormerPrimary,
  primary: string,
  data: string,
): string {
  const path = join(data, PRIMARY_BEFORE);
  return `${primary} is another OpenTSDB than this directory fed before: until ${formatInstant(until)} that was ${before}, which has what is logged up to ${formatPosition(position)}. Nothing of that is sent to ${primary}, only what comes behind it. If ${before} is meant, name it again, and start: it gets what came since. If ${primary} is the same one by another name, or a restore has brought it the rest (docs/RECOVERY.md, A), remove ${path}`;
}
