import type { Duckdb } from '../duckdb.ts';
import {
  type Content,
  type ContentQuestion,
  readColumnFaults,
  readContents,
  type RunQuery,
} from '../format/segment-content.ts';

/** Reads what is in data objects. After a failed statement DuckDB is opened anew: it may be of no more use. */
export class ContentReader {
  readonly #open: () => Promise<Duckdb>;
  readonly #signal: AbortSignal | undefined;
  #duckdb: Duckdb | undefined;

  /** When `signal` aborts, what is being read rejects. */
  constructor(open: () => Promise<Duckdb>, signal?: AbortSignal) {
    this.#open = open;
    this.#signal = signal;
  }

  /** By path: what the rows come to, or why they can't be read. Several of one lane at once, when no parts are asked for. */
  async read(questions: readonly ContentQuestion[]): Promise<Map<string, Content | string>> {
    const answers = new Map<string, Content | string>();
    if (questions.length === 0) return answers;
    try {
      const faults = await readColumnFaults(
        this.#run,
        questions.map(({ path }) => path),
      );
      for (const [path, fault] of faults) answers.set(path, fault);
      const sound = questions.filter(({ path }) => !faults.has(path));
      const contents = sound.length === 0 ? [] : await readContents(this.#run, sound);
      for (const [index, { path }] of sound.entries()) {
        const content = contents[index];
        if (content !== undefined) answers.set(path, content);
      }
    } catch (error) {
      this.close();
      if (this.#signal?.aborted === true || IS_OUR_OWN.test(firstLine(error))) throw error;
      if (questions.length === 1) {
        return new Map(
          questions.map(({ path }) => [path, `DuckDB cannot read it: ${firstLine(error)}`]),
        );
      }
      for (const question of questions) {
        for (const [path, answer] of await this.read([question])) answers.set(path, answer);
      }
    }
    return answers;
  }

  close(): void {
    this.#duckdb?.close();
    this.#duckdb = undefined;
  }

  readonly #run: RunQuery = async (sql) => {
    const duckdb = (this.#duckdb ??= await this.#open());
    const interrupt = (): void => duckdb.interrupt();
    this.#signal?.throwIfAborted();
    this.#signal?.addEventListener('abort', interrupt, { once: true });
    try {
      return await duckdb.rows(sql);
    } finally {
      this.#signal?.removeEventListener('abort', interrupt);
    }
  };
}

/** For want of memory or of room for what doesn't fit into it: nothing is wrong with the file. */
const IS_OUR_OWN = /Out of Memory Error|No space left on device/;

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
