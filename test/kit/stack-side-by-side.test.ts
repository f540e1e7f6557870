import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopAll } from '../../scripts/stack/stack.ts';
import { tempDirectory, type TempDirectory } from './temp.ts';

let folder: TempDirectory;

beforeEach(async () => {
  folder = await tempDirectory('stacks');
});
afterEach(() => folder[Symbol.asyncDispose]());

function moduleAt(name: string): string {
  return new URL(`../../scripts/stack/${name}`, import.meta.url).href;
}

/** Runs it in three processes at once; with what each exited. */
async function inThree(code: string): Promise<readonly (number | null)[]> {
  const node = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const env = { ...process.env, TSDB_STACK_DIR: folder.path };
  const runs = [1, 2, 3].map(async () => {
    const child = spawn(process.execPath, node, { stdio: 'inherit', env });
    await once(child, 'exit');
    return child.exitCode;
  });
  return Promise.all(runs);
}

test('a process of a stack that several start at once is prepared and started once, and all wait until it is ready', async () => {
  const server = `setTimeout(() => console.log('ready'), 300); setInterval(() => {}, 1000)`;
  const statuses = await inThree(`
    import { mkdirSync } from 'node:fs';
    import { Daemon } from '${moduleAt('daemon.ts')}';
    const daemon = new Daemon({
      directory: ${JSON.stringify(folder.path)},
      name: 'server',
      command: process.execPath,
      args: ['--eval', ${JSON.stringify(server)}],
      prepare: async () => mkdirSync(${JSON.stringify(join(folder.path, 'prepared'))}),
      ready: (log) => log.includes('ready'),
    });
    await daemon.start();
    process.exit(daemon.log().includes('ready') ? 0 : 1);
  `);
  await stopAll(folder.path, 'lasting');
  expect(statuses).toEqual([0, 0, 0]);
});

test('runs side by side never remove the stack of one that lives, and remove together what is left', async () => {
  for (let n = 0; n < 20; n += 1) {
    const left = join(folder.path, `test-1-${n}`, 'a', 'b');
    await mkdir(left, { recursive: true });
    for (let file = 0; file < 20; file += 1) await writeFile(join(left, `${file}`), '');
  }
  // Of a process that is gone, killed before and after it wrote down that it is its own.
  await mkdir(join(folder.path, 'new-4194305 1-aaaaaa'));
  await mkdir(join(folder.path, 'new-4194305 1-bbbbbb'));
  await writeFile(join(folder.path, 'new-4194305 1-bbbbbb', 'owner'), '4194305 1');
  const statuses = await inThree(`
    import { existsSync } from 'node:fs';
    import { join } from 'node:path';
    import { sweep, throwawayPlace } from '${moduleAt('places.ts')}';
    import { stopAll } from '${moduleAt('stack.ts')}';
    let status = 0;
    for (let n = 0; n < 100; n += 1) {
      const { directory } = await throwawayPlace();
      await sweep();
      if (!existsSync(join(directory, 'owner'))) status = 1;
      await stopAll(directory, 'throwaway');
    }
    process.exit(status);
  `);
  expect(statuses).toEqual([0, 0, 0]);
  expect(await readdir(folder.path)).toEqual([]);
});
