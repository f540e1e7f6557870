import { rename } from 'node:fs/promises';
import type { Config } from '../config/options.ts';
import { WalError } from '../runtime/errors.ts';
import { hasLog, workerDirectory, workerNumbers } from '../wal/worker-logs.ts';

/** One of several processes that share a listening port: a proxy of its own in all else. */
export interface WorkerPlace {
  /** From 1 on. */
  readonly number: number;
  /** Its data directory. */
  readonly data: string;
  /** It takes no writes: what its log still has is brought to the followers, and then it ends. */
  readonly isDraining: boolean;
}

/**
 * The workers of a data directory: those that are asked for, and those of an earlier start with more of them, whose logs may hold what
 * was not delivered yet. Undefined when there is one process, as ever. Throws DATA_UNUSABLE when the directory itself holds a log,
 * which would be left behind.
 */
export async function placeWorkers({
  data,
  workers,
}: Config): Promise<readonly WorkerPlace[] | undefined> {
  const present = await workerNumbers(data);
  if (workers === 1 && present.length === 0) return undefined;
  if (await hasLog(data)) {
    throw new WalError('DATA_UNUSABLE', `${data} holds the log of a single process`, {
      hint: `Move all that is in it to ${workerDirectory(data, 1)}, which goes on with it, or leave workers out.`,
    });
  }
  const asked = Array.from({ length: workers }, (_, index) => index + 1);
  const earlier = present.filter((number) => number > workers);
  return [...asked, ...earlier].map((number) => ({
    number,
    data: workerDirectory(data, number),
    isDraining: number > workers,
  }));
}

/** The same options, as this worker has them: it answers operators on a port of its own, after that of all. */
export function configOfWorker(config: Config, { number, data }: WorkerPlace): Config {
  const { host, port } = config.admin;
  return { ...config, data, admin: { host, port: port + number } };
}

/** Nothing of it is needed any more; it is kept, under another name. */
export async function retirePlace({ data }: WorkerPlace, nowMs: number): Promise<string> {
  const name = `${data}.drained-${nowMs}`;
  await rename(data, name);
  return name;
}
