import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/options.ts';
import { DirectoryLock, type LockHolder } from '../../wal/directory-lock.ts';
import { workerDirectory, workerNumbers } from '../../wal/worker-logs.ts';
import type { Purpose } from './finding.ts';

/** What holds the locks of a configuration: processes of the command that it is for, which run with its data directory. */
export async function runningWith(purpose: Purpose, { data }: Config): Promise<LockHolder[]> {
  const places = await placesOf(purpose, data);
  const holders = await Promise.all(
    places.map((place) => DirectoryLock.holder(place).catch(() => undefined)),
  );
  return holders.filter((holder) => holder !== undefined);
}

export function isHere({ host }: LockHolder): boolean {
  return host === hostname();
}

/** The directories with the locks; a standby has its own in --state, which stands in no file. */
async function placesOf(purpose: Purpose, data: string): Promise<readonly string[]> {
  switch (purpose) {
    case 'start': {
      const workers = await workerNumbers(data);
      return [data, ...workers.map((number) => workerDirectory(data, number))];
    }
    case 'archive':
      return [join(data, 'archiver')];
    case 'standby':
      return [];
  }
}
