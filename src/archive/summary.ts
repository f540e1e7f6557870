import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { listLanes, type ObjectFault, readLaneNotes } from './catalog.ts';
import { computeCoverage, type Coverage, type Holdings, type LaneHoldings } from './coverage.ts';
import { type MonthIndex, readMonthIndexes } from './month-index-file.ts';
import { LEVELS, monthFolder, monthOf, monthsBetween, type Span } from './object-names.ts';
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
}

/**
 * Years of closed months come from their indexes, what is behind them from the listing. An index may be
 * older than what was archived late: where it leaves a hole, the listing is looked at all the same.
 */
export async function readSummary(
  store: ObjectStore,
  { useIndex, tally = tallyObjects }: SummaryOptions,
): Promise<Summary> {
  const faults: ObjectFault[] = [];
  const indexes = useIndex ? await readMonthIndexes(store, faults) : new Map<string, MonthIndex>();
  const lanes = new Map<string, LaneSummary>();
  for await (const lane of listLanes(store, faults)) {
    const notes = await readLaneNotes(store, lane, faults);
    const reader = new LaneReader(store, { lane, faults, tally });
    const { spans, totals } = await reader.read(notes, indexes);
    lanes.set(lane, { ...notes, objects: spans, totals });
  }
  faults.push(...lostLanes(indexes, lanes));
  const coverage = computeCoverage({ lanes });
  if (indexes.size > 0 && coverage.conflicts.length > 0) {
    // A real one, or an object that reaches into a month whose segments are told as one.
    return readSummary(store, { useIndex: false, tally });
  }
  for (const [lane, listed] of holedMonths(coverage, lanes, indexes)) {
    const notes = lanes.get(lane);
    if (notes === undefined) continue;
    const reader = new LaneReader(store, { lane, faults, tally });
    const { spans, totals } = await reader.read(notes, indexes, listed);
    lanes.set(lane, { ...notes, objects: spans, totals });
  }
  return { lanes, faults: withoutRepeats(faults), indexedMonths: indexes.size };
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

/** The months of each lane in which there may be what a hole by the indexes lacks. */
function holedMonths(
  { holes }: Coverage,
  lanes: ReadonlyMap<string, LaneSummary>,
  indexes: ReadonlyMap<string, MonthIndex>,
): Map<string, Set<string>> {
  const months = new Map<string, Set<string>>();
  const last = lastOf(indexes);
  if (last === undefined) return months;
  for (const { lane, fromMs, toMs } of holes) {
    if (!lanes.has(lane)) continue;
    const to = toMs === undefined ? last : monthOf(toMs);
    const some = months.get(lane) ?? new Set();
    for (const month of monthsBetween(monthOf(fromMs), to < last ? to : last)) some.add(month);
    months.set(lane, some);
  }
  return months;
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
    indexes: ReadonlyMap<string, MonthIndex>,
    listed: ReadonlySet<string> = new Set(),
  ): Promise<Tally> {
    const { lane, faults, tally } = this.#options;
    const last = lastOf(indexes);
    // Nothing of a lane is older than its begin.
    if (begin === undefined || last === undefined) return this.#tally('');
    const tallies: Tally[] = [];
    for (const month of monthsBetween(monthOf(begin.openedAt), last)) {
      const known = listed.has(month)
        ? undefined
        : indexes.get(month)?.lanes.find((one) => one.lane === lane);
      const of = { lane, month, faults };
      tallies.push(
        known === undefined
          ? await tallyLaneMonth(this.#store, of, tally)
          : { spans: known.covered, totals: known.totals },
      );
    }
    return addTallies([...tallies, await this.#tally(last)]);
  }

  /** What is behind a month, or everything. */
  #tally(month: string): Promise<Tally> {
    const store = this.#store;
    const { lane, faults, tally } = this.#options;
    const listing = async function* (): AsyncGenerator<ObjectInfo> {
      for (const level of LEVELS) {
        // `~` is behind every name in the month's folder.
        const after = month === '' ? '' : `${monthFolder(lane, level, month)}/~`;
        yield* store.list(`lanes/${lane}/${level}`, after);
      }
    };
    return tally(store, listing(), faults);
  }
}

function lastOf(indexes: ReadonlyMap<string, MonthIndex>): string | undefined {
  return [...indexes.keys()].toSorted().at(-1);
}

function withoutRepeats(faults: readonly ObjectFault[]): ObjectFault[] {
  return [...new Map(faults.map((fault) => [fault.object, fault])).values()];
}
