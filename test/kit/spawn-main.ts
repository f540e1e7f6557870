import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { MAIN, ownEnvironment } from '../../scripts/demo/process.ts';

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
    env: { ...ownEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithTests = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithTests);
  child.once('exit', () => process.off('exit', killWithTests));
  return child;
}
