import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDirectory extends AsyncDisposable {
  readonly path: string;
}

/** A new empty directory; disposing of it removes it with all that is in it. */
export async function tempDirectory(name = 'test'): Promise<TempDirectory> {
  const path = await mkdtemp(join(tmpdir(), `tsdb-wal-${name}-`));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}
