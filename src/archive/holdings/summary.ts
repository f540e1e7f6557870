import type { LoggedFork } from '../../record/fork.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listLanes, type ObjectFault, readLaneNotes } from './catalog.ts';
import { computeCoverage, type Coverage, type Holdings, type LaneHoldings } from './coverage.ts';
import { endAfter } from './doubtful-days.ts';
import { listAll, listOutermost } from './lane-listing.ts';
import { type MonthIndex, type MonthLane, readMonthIndexes } from '../format/month-index-file.ts';
import { monthEnd, monthOf, monthsBetween, type Span } from '../format/object-names.ts';
import {
  addTallies,
  type Tally,
  tallyLaneMonth,
  type TallyObjects,
  tallyObjects,
  type Totals,
} from './tally.ts';

/** What a repository holds, without a list of it. */
export interface Summary extends Holdings {
  readonly lanes: ReadonlyMap<string, LaneSummary>;
  readonly faults: readonly ObjectFault[];
  /** Months that were not listed. */
  readonly indexedMonths: number;
}

export interface SummaryOptions {
  readonly useIndex: boolean;
  /** What is told of the segments that are listed. */
  readonly tally?: TallyObjects;
}

interface LaneSummary extends LaneHoldings {
  /** Segments, or what several that touch cover together. */
  readonly objects: readonly Span[];
  readonly totals: Totals;
  /** What it says to be undone, as often as it is said. */
  readonly forks: readonly LoggedFork[];
}

/**
 * Years of closed months come from their indexes, what is after them from the listing of what was not merged into days.
 * An index may be older than what was archived late: where there is a hole, all of the listing is looked at.
 */
export async function readSummary(
  store: ObjectStore,
  { useIndex, tally = tallyObjects }: SummaryOptions,
): Promise<Summary> {
  const faults: ObjectFault[] = [];
  const indexes = useIndex ? await readMonthIndexes(store, faults) : new Map<string, MonthIndex>();
  const months = byLane(indexes);
  const lanes = new Map<string, LaneSummary>();
  for await (const lane of listLanes(store, faults)) {
    const notes = await readLaneNotes(store, lane, faults);
    const reader = new LaneReader(store, { lane, faults, tally });
    const { spans, ...rest } = await reader.read(notes, months);
    lanes.set(lane, { ...notes, objects: spans, ...rest });
  }
  faults.push(...lostLanes(indexes, lanes));
  const coverage = computeCoverage({ lanes });
  if (indexes.size > 0 && coverage.conflicts.length > 0) {
    // A real one, or an object that reaches into a month whose segments are told as one.
    return readSummary(store, { useIndex: false, tally });
  }
  for (const [lane, doubts] of doubtsOf(coverage, lanes, indexes)) {
    const notes = lanes.get(lane);
    if (notes === undefined) continue;
    const reader = new LaneReader(store, { lane, faults, tally });
    const { spans, ...rest } = await reader.read(notes, months, doubts);
    lanes.set(lane, { ...notes, objects: spans, ...rest });
  }
  return { lanes, faults: withoutRepeats(faults), indexedMonths: indexes.size };
}

/** What indexes tell, by month and lane. */
type IndexedMonths = ReadonlyMap<string, ReadonlyMap<string, MonthLane>>;

function byLane(indexes: ReadonlyMap<string, MonthIndex>): IndexedMonths {
  const months = [...indexes].map(
    ([month, { lanes }]) => [month, new Map(lanes.map((one) => [one.lane, one]))] as const,
  );
  return new Map(months);
}

/** A lane that no other follows leaves no hole when it is gone as a whole; an index remembers it. */
function lostLanes(
  indexes: ReadonlyMap<string, MonthIndex>,
  lanes: ReadonlyMap<string, LaneSummary>,
): ObjectFault[] {
  const lost = [...indexes.values()].flatMap((index) => index.lanes.map(({ lane }) => lane));
  return [...new Set(lost)]
    .filter((lane) => !lanes.has(lane))
    .map((lane) => ({ kind: 'missing', object: `lanes/${lane}`, reason: 'an index names it' }));
}

/** Where a lane may hold what it seems to lack. */
interface Doubts {
  /** Of those with an index or before the last that has one. */
  readonly months: ReadonlySet<string>;
  /** After these. */
  readonly isTail: boolean;
}

const NO_DOUBTS: Doubts = { months: new Set(), isTail: false };

function doubtsOf(
  { holes }: Coverage,
  lanes: ReadonlyMap<string, LaneSummary>,
  indexes: ReadonlyMap<string, MonthIndex>,
): Map<string, Doubts> {
  const doubts = new Map<string, Doubts>();
  const last = lastOf(indexes) ?? '';
  for (const { lane, firstSeq, fromMs } of holes) {
    const objects = lanes.get(lane)?.objects;
    if (objects === undefined) continue;
    const untilMs = endAfter(objects, firstSeq);
    const to = untilMs === Infinity ? undefined : monthOf(untilMs);
    const through = to === undefined || to > last ? last : to;
    const { months, isTail } = doubts.get(lane) ?? NO_DOUBTS;
    doubts.set(lane, {
      months: new Set([...months, ...monthsBetween(monthOf(fromMs), through)]),
      isTail: isTail || to === undefined || to > last,
    });
  }
  return doubts;
}

interface LaneReaderOptions {
  readonly lane: string;
  readonly faults: ObjectFault[];
  readonly tally: TallyObjects;
}

class LaneReader {
  readonly #store: ObjectStore;
  readonly #options: LaneReaderOptions;

  constructor(store: ObjectStore, options: LaneReaderOptions) {
    this.#store = store;
    this.#options = options;
  }

  async read(
    { begin }: Pick<LaneHoldings, 'begin'>,
    months: IndexedMonths,
    doubts = NO_DOUBTS,
  ): Promise<Tally> {
    const { lane, faults, tally } = this.#options;
    const last = lastOf(months);
    // Nothing of a lane is older than its begin.
    if (begin === undefined || last === undefined) return this.#tally('', doubts);
    const tallies: Tally[] = [];
    for (const month of monthsBetween(monthOf(begin.openedAt), last)) {
      const isDoubtful = doubts.months.has(month);
      const known = isDoubtful ? undefined : months.get(month)?.get(lane);
      const list = isDoubtful ? listAll : listOutermost;
      tallies.push(
        known === undefined
          ? await tallyLaneMonth(this.#store, { lane, month, faults }, { tally, list })
          : { spans: known.covered, damaged: [], totals: known.totals, forks: known.forks ?? [] },
      );
    }
    return addTallies([...tallies, await this.#tally(last, doubts)]);
  }

  /** What is after a month, or everything. */
  #tally(month: string, { isTail }: Doubts): Promise<Tally> {
    const { lane, faults, tally } = this.#options;
    const from = month === '' ? '' : `${monthOf(monthEnd(month)).replace('-', '/')}/01`;
    const list = isTail ? listAll : listOutermost;
    return tally(this.#store, list(this.#store, lane, { from, through: undefined }), faults);
  }
}

function lastOf(months: ReadonlyMap<string, unknown>): string | undefined {
  return [...months.keys()].toSorted().at(-1);
}

function withoutRepeats(faults: readonly ObjectFault[]): ObjectFault[] {
  return [...new Map(faults.map((fault) => [fault.object, fault])).values()];
}
