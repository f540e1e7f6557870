import { beforeAll } from 'vitest';
import { buildMain, type Ran, runMain as runBuilt } from '../../kit/spawn-main.ts';

// In each file that imports this.
beforeAll(buildMain);

/** Runs a command to its end, as it is built of the sources that are there. */
export async function runMain(args: readonly string[]): Promise<Ran> {
  return runBuilt(...args);
}
