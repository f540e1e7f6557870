import { join } from 'node:path';
import { WalError } from '../runtime/errors.ts';
import { FileStore } from '../storage/file-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readArchiveHome } from './archive-home.ts';
import { type Catalog, readCatalog } from './catalog.ts';
import { openLog, readTail } from './log-tail.ts';
import { openRepository, type Repository } from './repository.ts';
import type { TopicLog } from './topic-log.ts';
import { readTopicTail } from './topic-tail.ts';
import { type Tails, withTails } from './with-tail.ts';

/** From what a question about the past is answered: a repository, and what is ahead of it: a log, a topic, or both. */
export interface Sources {
  /** Undefined: nothing was ever archived, and the log has to tell everything. */
  readonly repository: Pick<Repository, 'place' | 'id'> | undefined;
  /** Of the repository; without one there is nothing in it. */
  readonly store: ObjectStore;
  /** The data directory with the log. */
  readonly data: string | undefined;
  /** The topic by which its lanes come. */
  readonly topic: TopicLog | undefined;
}

/** As a person names them; at least the repository or the data directory. */
export interface SourceNames {
  readonly repository?: string | undefined;
  readonly data?: string | undefined;
  readonly topic?: TopicLog | undefined;
}

/** Throws REPOSITORY_MISSING, _UNUSABLE or _DAMAGED. */
export async function openSources({
  repository: place,
  data,
  topic,
}: SourceNames): Promise<Sources> {
  const found = place === undefined ? await repositoryOf(data ?? '') : await openRepository(place);
  if (found === undefined) {
    return { repository: undefined, store: new FileStore(repositoryIn(data ?? '')), data, topic };
  }
  const { id, store } = found;
  return { repository: { place: found.place, id }, store, data, topic };
}

/** What the sources hold together, from their listings, and what the log and the topic alone have. */
export interface FoundHistory extends Tails {
  /** With what these have among the objects, run by run. */
  readonly catalog: Catalog;
  /** Without. */
  readonly archived: Catalog;
}

/** Each needs an archiver that takes something away just between the listing and the reading. */
const ATTEMPTS_MAX = 20;
const NEVER = new AbortController().signal;

/**
 * The log and the topic first, then the repository: while the archiver works, what has left the one is in the other. What goes between
 * its listing and its reading is looked for anew. `now`: epoch ms.
 */
export async function findHistory(
  sources: Sources,
  now: number,
  signal = NEVER,
): Promise<FoundHistory> {
  const { data, repository, store, topic: named } = sources;
  for (let attempt = 1; ; attempt += 1) {
    const log = data === undefined ? undefined : await openLog(data);
    const ranges = await named?.ranges();
    const archived = repository === undefined ? NOTHING : await readCatalog(store);
    const tail = log && (await readTail(log, archived));
    const known = withTails(archived, { tail, topic: undefined }, now);
    const topic =
      named && ranges && (await readTopicTail(named, { ranges, archived, known, signal }));
    const isMoved = tail?.isMoved === true || topic?.isMoved === true;
    if (isMoved && attempt < ATTEMPTS_MAX) continue;
    const catalog = withTails(archived, { tail, topic }, now);
    return { catalog, archived, tail, topic };
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
