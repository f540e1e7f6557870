import { join } from 'node:path';
import { LatestTerm } from '../record/latest-term.ts';
import { countsSince, parseTerm, type Term } from '../record/term.ts';
import { readIntact, writeChecked } from '../runtime/checked-json.ts';

const FILE = 'primary-term.json';

/** Since which promotion the primary is it, and what others said, over restarts: `primary-term.json` of the data directory. There is none before the first. */
export class PrimaryTerm {
  /** What others said; `save` makes it durable. */
  readonly heard = new LatestTerm();
  readonly #path: string;
  #own: Term | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, own: Term | undefined, heard: readonly Term[]) {
    this.#path = path;
    this.#own = own;
    for (const term of heard) this.heard.note(term);
  }

  /** Throws DATA_UNUSABLE. */
  static async open(dataDirectory: string): Promise<PrimaryTerm> {
    const path = join(dataDirectory, FILE);
    const hint = 'Remove it: other proxies of the topic tell it again.';
    const read = await readIntact<{ own?: unknown; heard?: unknown }>(path, {
      lost: 'since when the primary is it',
      hint,
    });
    const { own, heard } = read ?? {};
    const told = Array.isArray(heard) ? heard.flatMap((one) => parseTerm(one) ?? []) : [];
    return new PrimaryTerm(path, parseTerm(own), told);
  }

  /** That of this primary; undefined: nothing says since when it is it. */
  of(primary: string): Term | undefined {
    return this.#own?.primary === primary ? this.#own : undefined;
  }

  /** Durable when it resolves. An earlier one of the same primary changes nothing. */
  async take(term: Term): Promise<void> {
    if (countsSince(this.of(term.primary), term.since)) return;
    this.#own = term;
    await this.save();
  }

  /** Durable when it resolves. */
  async save(): Promise<void> {
    const turn = this.#last.then(() =>
      writeChecked(this.#path, { own: this.#own ?? null, heard: this.heard.all }),
    );
    this.#last = turn.catch(() => undefined);
    await turn;
  }
}
