import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readSidecar } from '../holdings/catalog.ts';
import { formatSidecarName } from '../format/object-names.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import { formatSidecar, type Sidecar } from '../format/sidecar.ts';

export interface Commit {
  readonly sidecar: Sidecar;
  /** The local file with its data; undefined when it has none. */
  readonly path: string | undefined;
}

/**
 * Makes a segment part of a repository: its data, then its sidecar, by which it counts. Returns the sidecar that is
 * there then, which may be that of another archiver who was faster, and which says the same. May be called again
 * after a rejection, and after a crash.
 *
 * A crash before the sidecar leaves at most a data object that means nothing.
 *
 * Throws REPOSITORY_CONFLICT when the other's segment has other content.
 */
export async function commitSegment(
  repository: Repository,
  { sidecar, path }: Commit,
): Promise<Sidecar> {
  const { store } = repository;
  await assertInPlace(repository);
  // A name that is taken is this one's own from a call before: part of it is random.
  if (sidecar.data !== null && path !== undefined) {
    await store.createFromFile(sidecar.data.object, path);
  }
  const outcome = await store.create(
    formatSidecarName(sidecar),
    Buffer.from(formatSidecar(sidecar)),
  );
  if (outcome === 'created') return sidecar;
  const winner = await readSidecar(store, sidecar);
  if (winner === undefined) throw removed(sidecar);
  if (winner.data?.object !== sidecar.data?.object) await removeQuietly(store, sidecar);
  if (!isSame(winner, sidecar)) throw conflict(winner, sidecar);
  return winner;
}

function isSame(one: Sidecar, other: Sidecar): boolean {
  return (
    one.records === other.records &&
    one.points === other.points &&
    one.refused === other.refused &&
    one.bypasses === other.bypasses &&
    (one.forks?.length ?? 0) === (other.forks?.length ?? 0) &&
    (one.data?.rows ?? 0) === (other.data?.rows ?? 0)
  );
}

/** Whoever may not delete leaves it: no sidecar names it. */
async function removeQuietly(store: ObjectStore, { data }: Sidecar): Promise<void> {
  if (data !== null) await store.remove(data.object).catch(() => undefined);
}

function removed(sidecar: Sidecar): WalError {
  const name = formatSidecarName(sidecar);
  return new WalError('REPOSITORY_DAMAGED', `${name} was removed while it was being read`);
}

function conflict(winner: Sidecar, own: Sidecar): WalError {
  const name = formatSidecarName(own);
  return new WalError(
    'REPOSITORY_CONFLICT',
    `${name} has ${contentOf(winner)}, and the log ${contentOf(own)}`,
    {
      context: { object: name },
      hint: 'Two data directories may have grown from one copy. `tsdb-wal verify` tells whether the object is damaged.',
    },
  );
}

function contentOf({ records, points, data }: Sidecar): string {
  return `${records} records, ${points} points, ${data?.rows ?? 0} rows`;
}
