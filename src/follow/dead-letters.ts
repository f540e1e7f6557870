import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, syncFolder } from '../runtime/durable-file.ts';
import type { Suspect } from './deliver/suspects.ts';

/**
 * Points that the primary finally refused though their clients were told that they are safe: one JSON
 * object a line in `dead-letters/<day>.ndjson` below the data directory.
 */
export class DeadLetters {
  readonly #directory: string;
  /** The file that is surely in its folder. */
  #day = '';
  #count = 0;

  constructor(dataDirectory: string) {
    this.#directory = join(dataDirectory, 'dead-letters');
  }

  /** Written by this process. */
  get count(): number {
    return this.#count;
  }

  /** Durable when it resolves. A crash before the outcome record repeats them. */
  async write(letters: readonly Suspect[], at: number): Promise<void> {
    await makeFolder(this.#directory);
    const time = new Date(at).toISOString();
    const day = time.slice(0, 10);
    const file = await open(join(this.#directory, `${day}.ndjson`), 'a');
    try {
      const lines = letters.map(({ position, index, line, error, telnet, tries }) =>
        JSON.stringify({
          refusedAt: time,
          lane: position.lane,
          seq: position.seq,
          index,
          transport: telnet ? 'telnet' : 'http',
          tries,
          error,
          line,
        }),
      );
      await file.appendFile(`${lines.join('\n')}\n`);
      await file.datasync();
      if (day !== this.#day) await syncFolder(this.#directory);
      this.#day = day;
    } finally {
      await file.close();
    }
    this.#count += letters.length;
  }
}
