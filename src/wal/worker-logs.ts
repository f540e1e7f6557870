import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { WalError } from '../runtime/errors.ts';

const NAME = /^worker-[1-9]\d{0,2}$/;

/** Throws CONFIG_INVALID when the data directory is that of several workers: each has a log of its own. */
export async function assertOneLog(data: string): Promise<void> {
  if (await hasLog(data)) return;
  const names = await readdir(data).catch(() => []);
  const workers = names.filter((name) => NAME.test(name)).toSorted();
  const [first] = workers;
  if (first === undefined) return;
  throw new WalError('CONFIG_INVALID', `${data} has the logs of ${workers.length} workers`, {
    hint: `Name one of them, as --data ${join(data, first)}; or the topic, by --kafka, which has them all.`,
  });
}

async function hasLog(data: string): Promise<boolean> {
  return access(join(data, 'wal')).then(
    () => true,
    () => false,
  );
}
