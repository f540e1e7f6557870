import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, syncFolder } from '../../runtime/durable-file.ts';
import { WalError } from '../../runtime/errors.ts';
import { ARCHIVE_CURSOR } from './archive-cursor.ts';
import { type ArchiveHome, readArchiveHome, writeArchiveHome } from './archive-home.ts';
import { formerHome } from './former-home.ts';
import { createRepository, openRepository, type Repository } from '../repository.ts';

export interface JoinedRepository {
  readonly repository: Repository;
  /**
   * `other`: this directory's lanes were in another repository before, and their history begins anew in this one; `back`: they were, but
   * in this one before that.
   */
  readonly history: 'none' | 'known' | 'other' | 'back';
}

/**
 * Opens the repository that a data directory archives to; makes it where there is none, unless this directory has
 * archived to one there before. A cursor that belongs to another repository is removed, before anything is archived.
 * That another one was archived to before is noted (FormerHome), until that is archived to again: `noteHome` ends it.
 */
export async function joinRepository(
  data: string,
  place: string,
  now: number,
): Promise<JoinedRepository> {
  const home = await readArchiveHome(data);
  if (home?.place === place) await assertPresent(home.repository, place);
  const note = formerHome(data);
  // Before a repository is made: it says which one is meant.
  const former = await note.read();
  const repository = await createRepository(place, now);
  const isBack = former?.repository === repository.id;
  if (home?.repository === repository.id) {
    if (isBack) await note.remove();
    return { repository, history: 'known' };
  }
  if (home !== undefined && former === undefined) {
    await note.write({ repository: home.repository, place: home.place, until: now });
  }
  await removeCursor(data);
  return { repository, history: isBack ? 'back' : home === undefined ? 'none' : 'other' };
}

/**
 * The same for an archiver of a topic. It registers no lanes of its own, and none of them tells later where it archived to: so that is noted
 * at once.
 */
export async function joinForTopic(
  data: string,
  place: string,
  now: number,
): Promise<JoinedRepository> {
  const joined = await joinRepository(data, place, now);
  const { id } = joined.repository;
  const home = await readArchiveHome(data);
  const newest = home?.repository === id ? home.newest : undefined;
  await noteHome(data, { repository: id, place, newest });
  return joined;
}

/** That the directory archives there from now on. */
export async function noteHome(data: string, home: ArchiveHome): Promise<void> {
  await writeArchiveHome(data, home);
  const note = formerHome(data);
  if ((await note.read())?.repository === home.repository) await note.remove();
}

async function assertPresent(id: string, place: string): Promise<void> {
  try {
    await openRepository(place);
  } catch (cause) {
    if (!(cause instanceof WalError) || cause.code !== 'REPOSITORY_MISSING') throw cause;
    throw new WalError('REPOSITORY_MISSING', `repository ${id} is gone from ${place}`, {
      cause,
      hint: 'Is its share not mounted? Mount it, or put it back: archiving goes on by itself then. Only if it is lost for good: move DATA/archive.json away and start again, which begins a new one without its history.',
    });
  }
}

async function removeCursor(data: string): Promise<void> {
  const folder = join(data, 'cursors');
  await makeFolder(folder);
  await rm(join(folder, `${ARCHIVE_CURSOR}.json`), { force: true });
  await syncFolder(folder);
}
