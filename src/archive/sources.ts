import { join } from 'node:path';
import { WalError } from '../runtime/errors.ts';
import { FileStore } from '../storage/file-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readArchiveHome } from './archive-home.ts';
import { type Catalog, readCatalog } from './catalog.ts';
import { type LogTail, openLog, readTail } from './log-tail.ts';
import { openRepository, type Repository } from './repository.ts';
import { withTail } from './with-tail.ts';

/** From what a question about the past is answered: a repository, a log that is ahead of it, or both. */
export interface Sources {
  /** Undefined: nothing was ever archived, and the log has to tell everything. */
  readonly repository: Pick<Repository, 'place' | 'id'> | undefined;
  /** Of the repository; without one there is nothing in it. */
  readonly store: ObjectStore;
  /** The data directory with the log. */
  readonly data: string | undefined;
}

/** As a person names them; at least one of the two. */
export interface SourceNames {
  readonly repository?: string | undefined;
  readonly data?: string | undefined;
}

/** Throws REPOSITORY_MISSING, _UNUSABLE or _DAMAGED. */
export async function openSources({ repository: place, data }: SourceNames): Promise<Sources> {
  const found = place === undefined ? await repositoryOf(data ?? '') : await openRepository(place);
  if (found === undefined) {
    return { repository: undefined, store: new FileStore(repositoryIn(data ?? '')), data };
  }
  const { id, store } = found;
  return { repository: { place: found.place, id }, store, data };
}

/** What the sources hold together, from their listings, and what the log alone has. */
export interface FoundHistory {
  /** With what the log has among the objects, run by run. */
  readonly catalog: Catalog;
  /** Without. */
  readonly archived: Catalog;
  readonly tail: LogTail | undefined;
}

const ATTEMPTS_MAX = 3;

/**
 * The log first, then the repository: while the archiver works, what has left the one is in the other. A file that goes between its
 * listing and its reading is looked for anew. `now`: epoch ms.
 */
export async function findHistory(sources: Sources, now: number): Promise<FoundHistory> {
  const { data, repository, store } = sources;
  for (let attempt = 1; ; attempt += 1) {
    const log = data === undefined ? undefined : await openLog(data);
    const archived = repository === undefined ? NOTHING : await readCatalog(store);
    if (log === undefined) return { catalog: archived, archived, tail: undefined };
    const tail = await readTail(log, archived);
    if (tail.isMoved && attempt < ATTEMPTS_MAX) continue;
    return { catalog: withTail(archived, tail, now), archived, tail };
  }
}

const NOTHING: Catalog = { lanes: new Map(), faults: [] };

/** The one that a data directory archives to; undefined when it never did. */
async function repositoryOf(data: string): Promise<Repository | undefined> {
  const home = await readArchiveHome(data);
  for (const place of new Set([home?.place ?? repositoryIn(data), repositoryIn(data)])) {
    const found = await openIfThere(place);
    if (found !== undefined && (home === undefined || home.repository === found.id)) return found;
  }
  if (home === undefined) return undefined;
  throw new WalError(
    'REPOSITORY_MISSING',
    `${data} archives to repository ${home.repository}, which is not at ${home.place}`,
    { hint: 'Mount it, or name the place where it is now by --repository.' },
  );
}

async function openIfThere(place: string): Promise<Repository | undefined> {
  try {
    return await openRepository(place);
  } catch (error) {
    if (error instanceof WalError && error.code === 'REPOSITORY_MISSING') return undefined;
    throw error;
  }
}

function repositoryIn(data: string): string {
  return join(data, 'repository');
}
