import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildMain, runMain } from '../../kit/spawn-main.ts';
import { tempDirectory } from '../../kit/temp.ts';

beforeAll(buildMain);

test('an archiver of a path without a log says so, and makes nothing there', async () => {
  await using folder = await tempDirectory('archive-wrong');
  const places = [
    '--data',
    join(folder.path, 'wrong'),
    '--repository',
    join(folder.path, 'repository'),
  ];
  const { code, stderr } = await runMain('archive', ...places);
  expect(stderr).toMatch(
    /error DATA_UNUSABLE: .*wrong\/wal: ENOENT.*\nhint: Name the data directory of the proxy\.\n$/,
  );
  expect(code).toBe(1);
  expect(await readdir(folder.path)).toEqual([]);
});
