import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { WalError } from '../runtime/errors.ts';
import { isThere } from '../runtime/is-there.ts';
import { dataUnusable } from './data-unusable.ts';

const NAME = /^worker-([1-9]\d{0,2})$/;

/** Where one of several workers of a data directory has its log. */
export function workerDirectory(data: string, number: number): string {
  return join(data, `worker-${number}`);
}

/** The numbers of the workers that have a directory in this data directory, in order; none: it is that of a single process. */
export async function workerNumbers(data: string): Promise<number[]> {
  const names = await readdir(data).catch(() => []);
  const numbers = names.map((name) => Number(NAME.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).toSorted((a, b) => a - b);
}

/** Whether the directory itself has a log, as that of a single process has. */
export async function hasLog(data: string): Promise<boolean> {
  return isThere(join(data, 'wal'));
}

/** That the data directory has a log, of a single process, that can be read. Throws CONFIG_INVALID as assertOneLog does, else DATA_UNUSABLE. */
export async function assertLog(data: string): Promise<void> {
  await assertOneLog(data);
  const folder = join(data, 'wal');
  try {
    await readdir(folder);
  } catch (cause) {
    throw dataUnusable(folder, cause, 'Name the data directory of the proxy.');
  }
}

/** Throws CONFIG_INVALID when the data directory is that of several workers: each has a log of its own. */
export async function assertOneLog(data: string): Promise<void> {
  if (await hasLog(data)) return;
  const workers = await workerNumbers(data);
  const [first] = workers;
  if (first === undefined) return;
  throw new WalError('CONFIG_INVALID', `${data} has the logs of ${workers.length} workers`, {
    hint: `Name one of them, as --data ${workerDirectory(data, first)}; or the topic, by --kafka, which has them all.`,
  });
}
