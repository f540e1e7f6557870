import { join } from 'node:path';
import { WalError } from '../../runtime/errors.ts';
import { FileStore } from '../../storage/file-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readArchiveHome } from '../write/archive-home.ts';
import { type Catalog, readCatalog } from '../holdings/catalog.ts';
import { withInnerOf } from '../holdings/inner-segments.ts';
import { readTails } from './read-tails.ts';
import { findRepository, openRepository, type Repository } from '../repository.ts';
import type { TopicLog } from '../topic/topic-log.ts';
import { type Tails, withTails } from './with-tail.ts';
import { type Damaged, withoutDamaged } from '../holdings/without-damaged.ts';

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

export interface FindOptions {
  /** Epoch ms. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  /** Segments of the repository that are known to be damaged: they are as if they weren't there, so that the log and the topic are asked for their records. */
  readonly damaged?: Damaged | undefined;
}

export async function findHistory(
  { data, repository, store, topic }: Sources,
  { now, signal, damaged = NONE }: FindOptions,
): Promise<FoundHistory> {
  const list = async (): Promise<Catalog> =>
    repository === undefined
      ? NOTHING
      : withoutDamaged(await withInnerOf(store, await readCatalog(store), damaged), damaged);
  const found = await readTails(
    { data, topic },
    {
      list,
      knownOf: (archived, tail) => withTails(archived, { tail, topic: undefined }, now),
      signal,
    },
  );
  return { ...found, catalog: withTails(found.archived, found, now) };
}

const NOTHING: Catalog = { lanes: new Map(), faults: [] };
const NONE: Damaged = new Map();

/** The one that a data directory archives to; undefined when it never did. */
async function repositoryOf(data: string): Promise<Repository | undefined> {
  const home = await readArchiveHome(data);
  for (const place of new Set([home?.place ?? repositoryIn(data), repositoryIn(data)])) {
    const found = await findRepository(place);
    if (found !== undefined && (home === undefined || home.repository === found.id)) return found;
  }
  if (home === undefined) return undefined;
  throw new WalError(
    'REPOSITORY_MISSING',
    `${data} archives to repository ${home.repository}, which is not at ${home.place}`,
    { hint: 'Mount it, or name the place where it is now by --repository.' },
  );
}

function repositoryIn(data: string): string {
  return join(data, 'repository');
}
