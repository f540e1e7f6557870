import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '../../runtime/durable-file.ts';
import { seal, unseal } from '../format/sealed-json.ts';
import { isCount, isLane } from '../format/sidecar.ts';

/**
 * The repository that a data directory was archived to before it went to another: DATA/archive-before.json. It stays until that one is
 * archived to again, or somebody removes it, since another one is meant. Of several it is the first.
 */
export interface EarlierHome {
  /** The repository's id. */
  readonly repository: string;
  /** Where it was. */
  readonly place: string;
  /** When another one was named, epoch ms. */
  readonly until: number;
}

const NAME = 'archive-before.json';
const FORMAT = 1;

/** Undefined when there is none, or it can't be read. */
export async function readEarlierHome(data: string): Promise<EarlierHome | undefined> {
  const content = await readFile(join(data, NAME)).catch(() => Buffer.alloc(0));
  const { format, repository, place, until } = unseal(content) ?? {};
  if (format !== FORMAT || !isLane(repository) || typeof place !== 'string') return undefined;
  return isCount(until) ? { repository, place, until } : undefined;
}

export async function writeEarlierHome(data: string, home: EarlierHome): Promise<void> {
  await writeFileAtomic(join(data, NAME), seal({ format: FORMAT, ...home }));
}

export async function removeEarlierHome(data: string): Promise<void> {
  await rm(join(data, NAME), { force: true });
  await syncFolder(data);
}
