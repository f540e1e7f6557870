import type { ObjectStore } from '../../storage/object-store.ts';
import { computeCoverage, type Coverage } from './coverage.ts';
import {
  type Catalog,
  type CatalogLane,
  listLanes,
  type ObjectFault,
  readLaneNotes,
  stranger,
} from './catalog.ts';
import { doubtfulDays, isAmong, withBeside } from './doubtful-days.ts';
import { ALL_DAYS, dayAfter, type ListedDays } from './lane-listing.ts';
import { dayAt, type SegmentName } from '../format/object-names.ts';
import { listOuter } from './outer-segments.ts';

interface FollowedLimits {
  /** A lane that ended so long before the safe time is at rest: by then its days are merged. */
  readonly restMs: number;
  /** Of so many looks one is at a lane that is at rest. */
  readonly turns: number;
}

const LIMITS: FollowedLimits = { restMs: 3 * 86_400_000, turns: 60 };

/**
 * What a repository holds, for one who looks at it again and again: each look but the first lists of a lane the last day and what comes after it, the
 * days that were not merged, and those of holes. What is removed from days that were merged isn't seen. Lanes that ended long ago and have no
 * hole are looked at in turns: after years they are nearly all that there are, and nothing comes to them any more.
 */
export class FollowedCatalog {
  readonly #store: ObjectStore;
  readonly #limits: FollowedLimits;
  #lanes: ReadonlyMap<string, CatalogLane> = new Map();
  /** Lanes of which something was found to be wrong. */
  #faulty: ReadonlySet<string> = new Set();
  #turn = 0;

  constructor(store: ObjectStore, limits: FollowedLimits = LIMITS) {
    this.#store = store;
    this.#limits = limits;
  }

  /** As `readCatalog` tells it, but for lanes at rest whose turn it isn't. */
  async look(): Promise<Catalog> {
    const known = this.#lanes;
    const coverage = computeCoverage({ lanes: known });
    const doubtful = doubtfulDays(known, coverage);
    const resting = this.#restingOf(coverage);
    const lanes = new Map<string, CatalogLane>();
    const faults: ObjectFault[] = [];
    const faulty = new Set<string>();
    for await (const lane of listLanes(this.#store, faults, resting)) {
      const rested = resting.get(lane);
      const before = faults.length;
      lanes.set(lane, rested ?? (await this.#lookAt(lane, doubtful.get(lane) ?? [], faults)));
      if (faults.length > before) faulty.add(lane);
    }
    this.#faulty = faulty;
    this.#lanes = await withBeside(this.#store, lanes);
    return { lanes: this.#lanes, faults };
  }

  async #lookAt(
    lane: string,
    doubtful: readonly ListedDays[],
    faults: ObjectFault[],
  ): Promise<CatalogLane> {
    const store = this.#store;
    const onStranger = (name: string): number => faults.push(stranger(name));
    const before = this.#lanes.get(lane)?.objects ?? [];
    const open = openDays(before, doubtful);
    const objects = before.filter(({ toMs }) => !open.some((days) => isAmong(dayAt(toMs), days)));
    for (const days of open) {
      for (const segment of await listOuter({ store, lane, onStranger }, days)) {
        objects.push(segment);
      }
    }
    return { ...(await readLaneNotes(store, lane, faults)), objects };
  }

  /** Those that are at rest, and that this look passes over. */
  #restingOf({ lanes, holes, conflicts, safeTimeMs }: Coverage): Map<string, CatalogLane> {
    const { restMs, turns } = this.#limits;
    this.#turn = (this.#turn + 1) % turns;
    const restless = new Set([...holes, ...conflicts].map(({ lane }) => lane));
    const resting = new Map<string, CatalogLane>();
    for (const { lane, openedAt, covered, beyond } of lanes) {
      const known = this.#lanes.get(lane);
      if (known?.begin === undefined || (known.retirements ?? []).length > 0) continue;
      if (beyond !== undefined || restless.has(lane)) continue;
      const lastMs = covered.at(-1)?.toMs ?? openedAt;
      // One that goes on holds the safe time back.
      const isOld = lastMs < (safeTimeMs ?? -Infinity) - restMs;
      // The names of lanes are random.
      const isItsTurn = Number.parseInt(lane.slice(-4), 16) % turns === this.#turn;
      if (isOld && !isItsTurn && !this.#faulty.has(lane)) resting.set(lane, known);
    }
    return resting;
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
  return isAmong(day, days) || (days.through !== undefined && dayAfter(days.through) === day);
}

function later(a: ListedDays, b: ListedDays): string | undefined {
  if (a.through === undefined || b.through === undefined) return undefined;
  return a.through > b.through ? a.through : b.through;
}
