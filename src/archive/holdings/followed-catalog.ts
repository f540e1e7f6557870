import type { ObjectStore } from '../../storage/object-store.ts';
import {
  type Catalog,
  type CatalogLane,
  listLanes,
  type ObjectFault,
  readLaneNotes,
  stranger,
} from './catalog.ts';
import { doubtfulDays, isAmong, withBeside } from './doubtful-days.ts';
import { ALL_DAYS, dayBehind, type ListedDays } from './lane-listing.ts';
import { dayAt, type SegmentName } from '../format/object-names.ts';
import { listOuter } from './outer-segments.ts';

/**
 * What a repository holds, for one who looks at it again and again: each look but the first lists of a lane the last day and what comes behind it, the
 * days that were not merged, and those of holes. What is removed from days that were merged isn't seen.
 */
export class FollowedCatalog {
  readonly #store: ObjectStore;
  #lanes: ReadonlyMap<string, CatalogLane> = new Map();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** As `readCatalog` tells it. */
  async look(): Promise<Catalog> {
    const store = this.#store;
    const known = this.#lanes;
    const doubtful = doubtfulDays(known);
    const lanes = new Map<string, CatalogLane>();
    const faults: ObjectFault[] = [];
    const onStranger = (name: string): number => faults.push(stranger(name));
    for await (const lane of listLanes(store, faults)) {
      const before = known.get(lane)?.objects ?? [];
      const open = openDays(before, doubtful.get(lane) ?? []);
      const objects = before.filter(({ toMs }) => !open.some((days) => isAmong(dayAt(toMs), days)));
      for (const days of open) {
        for (const segment of await listOuter({ store, lane, onStranger }, days)) {
          objects.push(segment);
        }
      }
      lanes.set(lane, { ...(await readLaneNotes(store, lane, faults)), objects });
    }
    this.#lanes = await withBeside(store, lanes);
    return { lanes: this.#lanes, faults };
  }
}

/** The days on which there may be something new, apart from each other, in order. */
function openDays(
  objects: readonly SegmentName[],
  doubtful: readonly ListedDays[],
): readonly ListedDays[] {
  let last = '';
  const open = [...doubtful];
  const unmerged = new Set<string>();
  for (const { level, toMs } of objects) {
    const day = dayAt(toMs);
    if (day > last) last = day;
    if (level !== 'day') unmerged.add(day);
  }
  if (last === '') return [ALL_DAYS];
  for (const day of unmerged) open.push({ from: day, through: day });
  open.push({ from: last, through: undefined });
  const apart: ListedDays[] = [];
  for (const days of open.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    const before = apart.at(-1);
    if (before === undefined || !reaches(before, days.from)) apart.push(days);
    else apart[apart.length - 1] = { from: before.from, through: later(before, days) };
  }
  return apart;
}

/** Whether the days go on to this one, or end on the one before. */
function reaches(days: ListedDays, day: string): boolean {
  return isAmong(day, days) || (days.through !== undefined && dayBehind(days.through) === day);
}

function later(a: ListedDays, b: ListedDays): string | undefined {
  if (a.through === undefined || b.through === undefined) return undefined;
  return a.through > b.through ? a.through : b.through;
}
