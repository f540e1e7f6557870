import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
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

/** How a command ended, and what it printed. */
export interface Ran {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs any built command to its end. */
export async function runMain(...args: readonly string[]): Promise<Ran> {
  const child = spawnMain(args);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

/** For tests that may run where nothing was built since the sources changed; at once where it was. */
export function buildMain(): void {
  const prepare = join(import.meta.dirname, '..', '..', 'scripts', 'prepare.mjs');
  execFileSync(process.execPath, [prepare, '--build'], { stdio: ['ignore', 'inherit', 'pipe'] });
}
