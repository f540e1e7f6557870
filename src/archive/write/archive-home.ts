import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../runtime/durable-file.ts';
import { dataUnusable } from '../../wal/data-unusable.ts';
import { assertFormat, seal, unseal } from '../format/sealed-json.ts';
import { isCount, isLane } from '../format/sidecar.ts';

/**
 * Where a data directory archives to: DATA/archive.json. Of a log it is written once its first lane is registered there, of a topic before anything is
 * archived.
 */
export interface ArchiveHome {
  /** The repository's id. */
  readonly repository: string;
  /** Where it was then. */
  readonly place: string;
  /** The newest lane of the log that is registered there; undefined where none is, as by an archiver of a topic. */
  readonly newest?: { readonly lane: string; readonly ordinal: number } | undefined;
}

const FORMAT = 1;

/** Undefined when nothing was archived yet, or the file is damaged: what the repository holds then tells. Throws FORMAT_NEWER or DATA_UNUSABLE. */
export async function readArchiveHome(data: string): Promise<ArchiveHome | undefined> {
  const content = await readFile(pathOf(data)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw dataUnusable(pathOf(data), error, 'Name the data directory of the proxy.');
  });
  assertFormat(content, pathOf(data));
  const { format, repository, place, lane, ordinal } = unseal(content) ?? {};
  if (format !== FORMAT || !isLane(repository) || typeof place !== 'string') return undefined;
  const newest = isLane(lane) && isCount(ordinal) ? { lane, ordinal } : undefined;
  return { repository, place, newest };
}

export async function writeArchiveHome(
  data: string,
  { repository, place, newest }: ArchiveHome,
): Promise<void> {
  await writeFileAtomic(pathOf(data), seal({ format: FORMAT, repository, place, ...newest }));
}

function pathOf(data: string): string {
  return join(data, 'archive.json');
}
