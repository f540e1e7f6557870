import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type ArchiveHome, readArchiveHome } from './archive-home.ts';
import { readWhole } from '../holdings/catalog.ts';
import { noteHome } from './join-repository.ts';
import type { LaneOpening } from './lane-opening.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import {
  formatBeginName,
  LEVELS,
  monthFolder,
  monthOf,
  parseObjectName,
  type Span,
} from '../format/object-names.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import { type Begin, formatBegin, parseBegin } from '../format/sidecar.ts';

export interface RegistrationOptions {
  readonly repository: Repository;
  /** The data directory. */
  readonly data: string;
  /** Of all lanes in its log, in log order. */
  readonly openings: readonly LaneOpening[];
  readonly host: string;
}

/**
 * Registers the lanes of a log: each that has no begin in the repository gets one, the oldest first. Safe against
 * others who do the same at once, and to repeat: a begin that is there stays. One call at a time for a data directory.
 *
 * The first lane of a data directory that a repository is to hold is after none. Once it holds one, everything after
 * is to be there: what the log no longer has of an unregistered lane, or of lanes before it, is a hole.
 *
 * Order: begins, then DATA/archive.json. A crash between leaves begins that tell the same.
 *
 * Throws WAL_ROLLED_BACK when the repository holds more of the lane before one that it doesn't know than the log does; so do later starts.
 */
export async function registerLanes(options: RegistrationOptions): Promise<void> {
  const { repository, data, openings, host } = options;
  const { store, id } = repository;
  const home = await readArchiveHome(data);
  const newest = openings.at(-1);
  const own = home?.repository === id ? home.newest : undefined;
  if (newest === undefined || newest.lane === own?.lane) return;
  await assertInPlace(repository);
  let before = await knownBefore(store, openings, own);
  for (const opening of openings) {
    const { lane } = opening;
    if ((await store.read(formatBeginName(lane))) === undefined) {
      await refuseRolledBack(store, opening);
      const begin = await beginOf(store, opening, { host, before });
      await store.create(formatBeginName(lane), Buffer.from(formatBegin(begin)));
    }
    before = lane;
  }
  const { lane, ordinal } = newest;
  await noteHome(data, { repository: id, place: repository.place, newest: { lane, ordinal } });
}

/** A lane of this data directory, older than those of its log, that the repository holds. */
async function knownBefore(
  store: ObjectStore,
  [oldest]: readonly LaneOpening[],
  newest: ArchiveHome['newest'],
): Promise<string | undefined> {
  if (oldest === undefined) return undefined;
  if (newest !== undefined && newest.ordinal < oldest.ordinal) return newest.lane;
  const previous = oldest.previous?.lane;
  if (previous === undefined) return undefined;
  return (await store.read(formatBeginName(previous))) === undefined ? undefined : previous;
}

/** `before`: the lane registered before this one; undefined when this is the first. */
async function beginOf(
  store: ObjectStore,
  opening: LaneOpening,
  { host, before }: { readonly host: string; readonly before: string | undefined },
): Promise<Begin> {
  const { lane, ordinal, firstSeq, receivedAt, previous, reason, disputed } = opening;
  const known = { lane, ordinal, reason, disputed, host };
  if (before === undefined) return { ...known, firstSeq, openedAt: receivedAt, previous: null };
  const isWhole = firstSeq === 1 && previous !== undefined;
  if (isWhole) return { ...known, firstSeq, openedAt: receivedAt, previous };
  // What is gone was received after all that is known from before: the hole must not begin later.
  const { lastSeq, toMs } = await endOf(store, before);
  return {
    ...known,
    firstSeq: 1,
    openedAt: Math.min(receivedAt, opening.notBefore ?? toMs),
    previous: previous ?? { lane: before, lastSeq },
  };
}

/** Up to where the repository holds a lane. */
async function endOf(
  store: ObjectStore,
  lane: string,
): Promise<{ readonly lastSeq: number; readonly toMs: number }> {
  const content = await readWhole(store, formatBeginName(lane));
  const begin = content && parseBegin(content);
  const last = await lastSpan(store, lane, 0);
  return { lastSeq: last?.lastSeq ?? 0, toMs: last?.toMs ?? begin?.openedAt ?? 0 };
}

/** What the newest objects cover, of those received in the month of a time, or later. */
async function lastSpan(
  store: ObjectStore,
  lane: string,
  since: number,
): Promise<Span | undefined> {
  const spans: Span[] = [];
  for (const level of LEVELS) {
    const after = monthFolder(lane, level, monthOf(since));
    for await (const { name } of store.list(`lanes/${lane}/${level}`, after)) {
      const parsed = parseObjectName(name);
      if (parsed?.kind === 'sidecar') spans.push(parsed);
    }
  }
  return uniteSpans(spans).covered.at(-1);
}

/**
 * A data directory that was put back from a copy goes on in a new lane after an end that it has passed before. What
 * came after that end would be part of no history.
 */
async function refuseRolledBack(store: ObjectStore, opening: LaneOpening): Promise<void> {
  const { previous, notBefore } = opening;
  if (previous === null || previous === undefined || notBefore === undefined) return;
  const last = await lastSpan(store, previous.lane, notBefore);
  if (last === undefined || last.lastSeq <= previous.lastSeq) return;
  throw new WalError(
    'WAL_ROLLED_BACK',
    `the repository holds lane ${previous.lane} up to ${last.lastSeq}, and the log only up to ${previous.lastSeq}`,
    {
      hint: 'The data directory was put back from a copy, or is one, and the other goes on. Put back the newer one, or let only that go on, or name another --repository.',
    },
  );
}
