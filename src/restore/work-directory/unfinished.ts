import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryLock } from '../../wal/directory-lock.ts';
import { readCheckpoint } from './work-directory.ts';

/** A restore into the same target that began to load and is not complete, as its work directory has it. */
export interface UnfinishedRestore {
  /** Of its work directory. */
  readonly path: string;
  readonly asOfMs: number;
  /** A process works on it now. */
  readonly isRunning: boolean;
}

/** Those that keep their place below `base`, but for the one at `own`. */
export async function unfinishedRestores(
  base: string,
  target: URL,
  own: string,
): Promise<UnfinishedRestore[]> {
  const names = await readdir(base).catch(() => []);
  const found: UnfinishedRestore[] = [];
  for (const name of names) {
    const path = join(base, name);
    const checkpoint = path === own ? undefined : await readCheckpoint(path);
    if (checkpoint?.target !== target.origin) continue;
    const holder = await DirectoryLock.holder(path);
    found.push({ path, asOfMs: checkpoint.asOfMs, isRunning: holder !== undefined });
  }
  return found;
}
