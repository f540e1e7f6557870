import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../runtime/durable-file.ts';
import { readCheckpoint, workPath } from './work-directory.ts';

/**
 * The moment that `--to safe` stands for in one restore, however often it is interrupted: the file `safe-<hash>` beside the work
 * directories holds it until the restore is complete.
 */
export class KeptSafeTime {
  readonly #base: string;
  readonly #keyAt: (asOfMs: number) => readonly unknown[];

  /** `keyAt`: what the request is for a time, as the work directory has it. */
  constructor(base: string, keyAt: (asOfMs: number) => readonly unknown[]) {
    this.#base = base;
    this.#keyAt = keyAt;
  }

  /** The time of an earlier run that began to load; else `safeMs`, which is kept from now on. */
  async resolve(safeMs: number): Promise<number> {
    const earlierMs = await this.begun();
    if (earlierMs !== undefined) return earlierMs;
    await makeFolder(this.#base);
    await writeFileAtomic(this.#path, `${safeMs}\n`);
    return safeMs;
  }

  /** The time of an earlier run that began to load; undefined without one. */
  async begun(): Promise<number | undefined> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    if (!/^\d{1,15}\n$/.test(text)) return undefined;
    const earlierMs = Number(text);
    const checkpoint = await readCheckpoint(workPath(this.#base, this.#keyAt(earlierMs)));
    return checkpoint && earlierMs;
  }

  /** The next one is to be a restore of its own. */
  async forget(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  get #path(): string {
    const key = JSON.stringify(this.#keyAt(0));
    return join(this.#base, `safe-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`);
  }
}
