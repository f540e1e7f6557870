import type * as promises from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { tempDirectory } from '../kit/temp.ts';

// A full disk takes the name of a file, and nothing that it is to hold.
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof promises>();
  return {
    ...real,
    writeFile: async (path: string): Promise<void> => {
      await real.writeFile(path, '');
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    },
  };
});

test('a lock that cannot be taken since the disk is full leaves nothing behind', async () => {
  await using folder = await tempDirectory('lock');
  await expect(DirectoryLock.acquire(folder.path)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await readdir(folder.path)).toEqual([]);
});
