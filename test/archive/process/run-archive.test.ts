import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { tempDirectory } from '../../kit/temp.ts';

test('an archiver of a path without a log says so, and makes nothing there', async () => {
  await using folder = await tempDirectory('archive-wrong');
  const places = [
    '--data',
    join(folder.path, 'wrong'),
    '--repository',
    join(folder.path, 'repository'),
  ];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'archive', ...places], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [stderr, [code]] = await Promise.all([text(child.stderr), exit]);
  expect(stderr).toMatch(
    /error DATA_UNUSABLE: .*wrong\/wal: ENOENT.*\nhint: Name the data directory of the proxy\.\n$/,
  );
  expect(code).toBe(1);
  expect(await readdir(folder.path)).toEqual([]);
}, 30_000);
