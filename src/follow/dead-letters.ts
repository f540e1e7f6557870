import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Suspect } from './suspects.ts';

/**
 * Points that the primary finally refused though their clients were told that they are safe: one JSON
 * object a line in `dead-letters/<day>.ndjson` below the data directory.
 */
export class DeadLetters {
  readonly #directory: string;
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
    await mkdir(this.#directory, { recursive: true });
    const time = new Date(at).toISOString();
    const file = await open(join(this.#directory, `${time.slice(0, 10)}.ndjson`), 'a');
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
    } finally {
      await file.close();
    }
    this.#count += letters.length;
  }
}
