import promises, { readdir } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { tempDirectory } from '../kit/temp.ts';

const { writeFile } = promises;

function setWriteFile(as: typeof writeFile): void {
  promises.writeFile = as;
  syncBuiltinESMExports();
}

// A full disk takes the name of a file, and nothing that it is to hold.
beforeEach(() =>
  setWriteFile(async (path) => {
    await writeFile(path, '');
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  }),
);
afterEach(() => setWriteFile(writeFile));

test('a lock that cannot be taken since the disk is full leaves nothing behind', async () => {
  await using folder = await tempDirectory('lock');
  await expect(DirectoryLock.acquire(folder.path)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await readdir(folder.path)).toEqual([]);
});
