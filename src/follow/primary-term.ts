import { join } from 'node:path';
import { parseTerm, type Term } from '../record/term.ts';
import { readIntact, writeChecked } from '../runtime/checked-json.ts';

const FILE = 'primary-term.json';

/** Since when the primary is one by promotion, over restarts: `primary-term.json` of the data directory. There is none before the first. */
export class PrimaryTerm {
  readonly #path: string;
  #term: Term | undefined;

  private constructor(path: string, term: Term | undefined) {
    this.#path = path;
    this.#term = term;
  }

  /** Throws DATA_UNUSABLE. */
  static async open(dataDirectory: string): Promise<PrimaryTerm> {
    const path = join(dataDirectory, FILE);
    const hint = 'Remove it: other proxies of the topic tell it again.';
    const read = await readIntact(path, { lost: 'since when the primary is it', hint });
    return new PrimaryTerm(path, parseTerm(read));
  }

  /** That of this primary; undefined: nothing says since when it is it. */
  of(primary: string): Term | undefined {
    return this.#term?.primary === primary ? this.#term : undefined;
  }

  /** Durable when it resolves. */
  async take(term: Term): Promise<void> {
    await writeChecked(this.#path, term);
    this.#term = term;
  }
}
