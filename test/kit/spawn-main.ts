import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

export type MainChild = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Any built command, which ends with the process of the tests at the latest. What it prints must be read: it waits
 * for that.
 */
export function spawnMain(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): MainChild {
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], {
    env: { ...inherited(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithTests = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithTests);
  child.once('exit', () => process.off('exit', killWithTests));
  return child;
}

/** Without options of the proxy, nor anything that it would take for one: the test says what holds. */
function inherited(): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('TSDB_WAL_'));
  return Object.fromEntries(foreign);
}
