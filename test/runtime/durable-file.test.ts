import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeFolder } from '../../src/runtime/durable-file.ts';
import { tempDirectory } from '../kit/temp.ts';

describe('a folder', () => {
  test('is made with those above it, by several at once, and again', async () => {
    await using root = await tempDirectory('folder');
    const path = join(root.path, 'a', 'b', 'c');
    await Promise.all([path, path, join(path, 'd')].map(makeFolder));
    await makeFolder(path);
    expect((await stat(join(path, 'd'))).isDirectory()).toBe(true);
  });

  test('may be a link to one', async () => {
    await using root = await tempDirectory('folder');
    const [there, link] = [join(root.path, 'there'), join(root.path, 'link')];
    await mkdir(there);
    await symlink(there, link);
    await makeFolder(join(link, 'a'));
    expect((await stat(join(there, 'a'))).isDirectory()).toBe(true);
  });

  test('that cannot be made is told: where a file is, and where none can be', async () => {
    await using root = await tempDirectory('folder');
    const file = join(root.path, 'file');
    await writeFile(file, '');
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(file, 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder('/proc/tsdb-wal/a')).rejects.toMatchObject({
      code: 'ENOENT',
      path: '/proc/tsdb-wal',
    });
  });
});
