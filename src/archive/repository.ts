import { randomBytes } from 'node:crypto';
import { WalError } from '../runtime/errors.ts';
import { FileStore } from '../storage/file-store.ts';
import { REPOSITORY_NAME } from './format/object-names.ts';
import { assertFormat } from './format/sealed-json.ts';
import {
  formatRepositoryFile,
  parseRepositoryFile,
  type RepositoryFile,
} from './format/sidecar.ts';

/** A place that holds the archived log, and later bases and restore points. */
export interface Repository extends RepositoryFile {
  /** As it was named by the person. */
  readonly place: string;
  readonly store: FileStore;
}

/** For reading; writes nothing. Throws REPOSITORY_MISSING, _UNUSABLE or _DAMAGED, or FORMAT_NEWER. */
export async function openRepository(place: string): Promise<Repository> {
  const found = await findRepository(place);
  if (found !== undefined) return found;
  throw new WalError('REPOSITORY_MISSING', `${place} holds no repository.json`, {
    hint: 'Name the folder that `start` archives to: --repository, or DATA/repository by default.',
  });
}

/** The same; undefined when there is none. Throws REPOSITORY_UNUSABLE or _DAMAGED. */
export async function findRepository(place: string): Promise<Repository | undefined> {
  const store = new FileStore(place);
  const file = await readRepositoryFile(place, store);
  return file && { place, store, ...file };
}

/**
 * For writing: makes the repository if there is none, and tries what commits rest on. Of several who make it
 * at once, one does. Throws REPOSITORY_UNUSABLE or _DAMAGED.
 */
export async function createRepository(
  place: string,
  now: number,
  store = new FileStore(place),
): Promise<Repository> {
  try {
    await store.probe();
  } catch (cause) {
    throw unusable(place, cause);
  }
  const found = await readRepositoryFile(place, store);
  if (found !== undefined) return { place, store, ...found };
  const own = { id: randomBytes(8).toString('hex'), createdAt: now };
  const outcome = await create(place, store, own);
  const file = outcome === 'created' ? own : await readRepositoryFile(place, store);
  if (file === undefined) throw unusable(place, new Error('repository.json was removed meanwhile'));
  return { place, store, ...file };
}

/**
 * Throws when what is at the repository's place is not it any more: a share that isn't mounted is an empty folder,
 * and whatever is written there is lost from sight once it is.
 */
export async function assertInPlace({ place, store, id }: Repository): Promise<void> {
  const file = await readRepositoryFile(place, store);
  if (file?.id === id) return;
  const found = file === undefined ? 'nothing is there' : `repository ${file.id} is there`;
  throw new WalError('REPOSITORY_MISSING', `repository ${id} is gone from ${place}: ${found}`, {
    hint: 'Mount it, or put it back. To archive to another one, name that by --repository and start again.',
  });
}

async function create(
  place: string,
  store: FileStore,
  file: RepositoryFile,
): Promise<'created' | 'exists'> {
  try {
    return await store.create(REPOSITORY_NAME, Buffer.from(formatRepositoryFile(file)));
  } catch (cause) {
    throw unusable(place, cause);
  }
}

async function readRepositoryFile(
  place: string,
  store: FileStore,
): Promise<RepositoryFile | undefined> {
  let content: Buffer | undefined;
  try {
    content = await store.read(REPOSITORY_NAME);
  } catch (cause) {
    throw unusable(place, cause);
  }
  if (content !== undefined) assertFormat(content, `${REPOSITORY_NAME} of ${place}`);
  const file = content && parseRepositoryFile(content);
  if (content !== undefined && file === undefined) {
    throw new WalError('REPOSITORY_DAMAGED', `${REPOSITORY_NAME} of ${place} is damaged`, {
      hint: 'It holds an id and a time only: put it back from a copy of the repository, and leave all else there as it is.',
    });
  }
  return file;
}

function unusable(place: string, cause: unknown): WalError {
  const { message } = cause as Error;
  return new WalError('REPOSITORY_UNUSABLE', `${place} cannot be used: ${message}`, {
    cause,
    hint: 'It has to be a folder that this user may use, on a file system with hard links; `start` can do without by `archive: off`.',
  });
}
