import type { Duckdb } from './duckdb.ts';
import {
  type Content,
  type ContentQuestion,
  readColumnFaults,
  readContents,
  type RunQuery,
} from './segment-content.ts';

/** Reads what is in data objects. After a failed statement DuckDB is opened anew: it may be of no more use. */
export class ContentReader {
  readonly #open: () => Promise<Duckdb>;
  #duckdb: Duckdb | undefined;

  constructor(open: () => Promise<Duckdb>) {
    this.#open = open;
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
    this.#duckdb ??= await this.#open();
    return this.#duckdb.rows(sql);
  };
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
