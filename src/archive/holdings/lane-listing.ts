import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import { dayOf, dayAt, LEVELS, parseObjectName } from '../format/object-names.ts';

/** Days as `2025/03/04`, UTC, both included. */
export interface ListedDays {
  /** Empty: from the first on. */
  readonly from: string;
  /** Undefined: to the last. */
  readonly through: string | undefined;
}

export const ALL_DAYS: ListedDays = { from: '', through: undefined };

export type ListLane = (
  store: ObjectStore,
  lane: string,
  days: ListedDays,
) => AsyncIterable<ObjectInfo>;

const DAY_MS = 86_400_000;

/** The objects of a lane's segments, level by level. */
export async function* listAll(
  store: ObjectStore,
  lane: string,
  days: ListedDays,
): AsyncGenerator<ObjectInfo> {
  for (const level of LEVELS) yield* listDays(store, `lanes/${lane}/${level}`, days);
}

/**
 * The objects of a lane's segments, but for the hours and minutes of days that were merged: a day segment holds all of
 * them, so that years are told by a name for each day, and the rest by what was not merged yet.
 */
export async function* listOutermost(
  store: ObjectStore,
  lane: string,
  days: ListedDays,
): AsyncGenerator<ObjectInfo> {
  const merged = new Set<string>();
  for await (const object of listDays(store, `lanes/${lane}/day`, days)) {
    if (parseObjectName(object.name)?.kind === 'sidecar') merged.add(dayOf(object.name));
    yield object;
  }
  for (const level of ['hour', 'minute']) {
    let { from } = days;
    for (const day of merged) {
      if (from < day)
        yield* listDays(store, `lanes/${lane}/${level}`, { from, through: dayBefore(day) });
      from = dayAfter(day);
    }
    const { through } = days;
    if (through === undefined || from <= through)
      yield* listDays(store, `lanes/${lane}/${level}`, { from, through });
  }
}

export async function* listDays(
  store: ObjectStore,
  folder: string,
  { from, through }: ListedDays,
): AsyncGenerator<ObjectInfo> {
  // `~` is after every name of the last day.
  const end = through === undefined ? undefined : `${folder}/${through}/~`;
  for await (const object of store.list(folder, from === '' ? '' : `${folder}/${from}`)) {
    if (end !== undefined && object.name > end) return;
    yield object;
  }
}

function dayBefore(day: string): string {
  return dayAt(timeOf(day) - DAY_MS);
}

export function dayAfter(day: string): string {
  return dayAt(timeOf(day) + DAY_MS);
}

function timeOf(day: string): number {
  return Date.parse(`${day.replaceAll('/', '-')}T00:00:00Z`);
}
