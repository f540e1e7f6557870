import { createReadStream } from 'node:fs';
import { appendFile, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SECTION_END } from '../restore/fold/fold-query.ts';
import type { Mend } from './plan-mend.ts';

export interface MendCounts {
  /** Points that are sent as they were sent once. */
  readonly log: number;
  /** Points that are sent as the source shows them. */
  readonly api: number;
  readonly cannot: number;
}

/** The lines that are to be sent, on the disk. */
export class MendFile {
  readonly #paths: Readonly<Record<'http' | 'telnet', string>>;
  readonly #counts = { log: 0, api: 0, cannot: 0 };

  private constructor(paths: Readonly<Record<'http' | 'telnet', string>>) {
    this.#paths = paths;
  }

  static async create(folder: string): Promise<MendFile> {
    const paths = { http: join(folder, 'http.mends'), telnet: join(folder, 'telnet.mends') };
    await writeFile(paths.http, '');
    await writeFile(paths.telnet, '');
    return new MendFile(paths);
  }

  get counts(): MendCounts {
    return { ...this.#counts };
  }

  async add(mends: readonly Mend[]): Promise<void> {
    const texts = { http: '', telnet: '' };
    for (const mend of mends) {
      if (mend.kind === 'cannot') this.#counts.cannot += 1;
      else {
        this.#counts[mend.from] += 1;
        texts[mend.transport] += `${mend.line}\n`;
      }
    }
    for (const transport of ['http', 'telnet'] as const) {
      if (texts[transport] !== '') await appendFile(this.#paths[transport], texts[transport]);
    }
  }

  /** Makes it the file that a load reads (LineFile). Nothing can be added any more. */
  async moveTo(path: string): Promise<void> {
    const { http, telnet } = this.#paths;
    const file = await open(http, 'a');
    try {
      await file.write(`${SECTION_END}\n`);
      for await (const chunk of createReadStream(telnet)) await file.write(chunk as Buffer);
    } finally {
      await file.close();
    }
    await rename(http, path);
  }
}
