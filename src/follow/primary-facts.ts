import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_FACTS, type ServerFacts } from '../opentsdb/server-facts.ts';
import { writeFileAtomic } from '../runtime/durable-file.ts';

/** What was last learnt of the primary, kept in the data directory so that a start without it knows its rules. */
export class PrimaryFacts {
  readonly #path: string;
  #facts: ServerFacts;
  #saved: string;

  private constructor(path: string, facts: ServerFacts, saved: string) {
    this.#path = path;
    this.#facts = facts;
    this.#saved = saved;
  }

  /** An absent or unreadable file means that nothing is known yet: the primary will tell. */
  static async open(dataDirectory: string): Promise<PrimaryFacts> {
    const path = join(dataDirectory, 'primary.json');
    const text = await readFile(path, 'utf8').catch(() => '');
    return new PrimaryFacts(path, parseFacts(text), text);
  }

  get facts(): ServerFacts {
    return this.#facts;
  }

  /** Takes what the primary says now; a TSD that doesn't say keeps what was known. Never rejects. */
  async learn(facts: ServerFacts): Promise<void> {
    if (facts.bodyBytesMax === undefined) return;
    this.#facts = facts;
    const text = `${JSON.stringify({ ...facts, startTime: undefined }, undefined, 2)}\n`;
    if (text === this.#saved) return;
    try {
      await writeFileAtomic(this.#path, text);
      this.#saved = text;
    } catch {
      // Only a start without the primary needs the file, and it is written again when the primary is next reached.
    }
  }
}

function parseFacts(text: string): ServerFacts {
  try {
    return { ...NO_FACTS, ...(JSON.parse(text) as Partial<ServerFacts>) };
  } catch {
    return NO_FACTS;
  }
}
