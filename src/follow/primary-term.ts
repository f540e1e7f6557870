import { join } from 'node:path';
import { LatestTerm } from '../record/latest-term.ts';
import { countsSince, parseTerm, type Term } from '../record/term.ts';
import { readIntact, writeChecked } from '../runtime/checked-json.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';

const FILE = 'primary-term.json';

/**
 * Since which promotion the primary is it, and what was heard of any, over restarts: `primary-term.json` of the data directory. There is none
 * before the first.
 */
export class PrimaryTerm {
  /** What others said, and `save` makes durable, and what was taken: a start that names another primary knows that, too. */
  readonly heard = new LatestTerm();
  readonly #path: string;
  #own: Term | undefined;
  readonly #queue = new SerialQueue();

  private constructor(path: string, own: Term | undefined, heard: readonly Term[]) {
    this.#path = path;
    this.#own = own;
    for (const term of own === undefined ? heard : [...heard, own]) this.heard.note(term);
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

  /** Durable when it resolves; when it rejects, nothing was taken. An earlier one of the same primary changes nothing. */
  async take(term: Term): Promise<void> {
    if (countsSince(this.of(term.primary), term.since)) return;
    await this.#queue.run(async () => {
      await this.#write(term);
      this.#own = term;
      this.heard.note(term);
    });
  }

  /** Durable when it resolves. */
  async save(): Promise<void> {
    await this.#queue.run(() => this.#write(this.#own));
  }

  #write(own: Term | undefined): Promise<void> {
    return writeChecked(this.#path, { own: own ?? null, heard: this.heard.all });
  }
}
