import { rmdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeFolder } from '../../runtime/durable-file.ts';
import { workUnusable } from './work-directory.ts';

interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes the folder of work directories. What it made is removed in the end, unless something is left in there. */
export async function openWorkFolder(base: string): Promise<WorkFolder> {
  const first = await makeFolder(base).catch((cause: unknown) => {
    throw workUnusable(base, cause);
  });
  return {
    path: base,
    [Symbol.asyncDispose]: async () => {
      if (first !== undefined) await removeEmpty(resolve(base), first);
    },
  };
}

/** From the innermost to the outermost, up to one that isn't empty. */
async function removeEmpty(innermost: string, outermost: string): Promise<void> {
  try {
    for (let folder = innermost; folder.length >= outermost.length; folder = dirname(folder)) {
      await rmdir(folder);
    }
  } catch (error) {
    // Another restore may work there, or have removed it.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error;
  }
}
