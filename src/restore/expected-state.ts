import { Duckdb } from '../archive/duckdb.ts';
import { describePlan, type FoldedState } from './describe-plan.ts';
import type { FoundState } from './segments/find-state.ts';
import { Fold } from './fold/fold.ts';
import type { Demands, FoldCounts } from './fold/fold-query.ts';
import type { FoldRange } from './fold/fold-range.ts';
import type { RestorePlan, RestoreRequest, StateCounts } from './restore-request.ts';
import type { damageReader } from './segments/read-log.ts';
import { readTrustedSegments, type TrustOptions } from './segments/trusted-segments.ts';

/** Rows that are folded at once. Part of the meaning of a checkpoint. */
const RANGE_ROWS = 1_250_000;

/** The state at a time, ready to be computed range by range. */
export class ExpectedState implements AsyncDisposable, FoldedState {
  readonly fold: Fold;
  readonly ranges: readonly FoldRange[];
  readonly demands: Demands;
  readonly plan: RestorePlan;
  readonly #database: Duckdb;

  private constructor(database: Duckdb, { fold, ranges, demands }: FoldedState, plan: RestorePlan) {
    this.#database = database;
    this.fold = fold;
    this.ranges = ranges;
    this.demands = demands;
    this.plan = plan;
  }

  /** Checks every object that is read. `scratch`: a folder of its own for what doesn't fit into memory. */
  static async open(
    state: FoundState,
    request: RestoreRequest,
    options: {
      readonly scratch: string;
      readonly onChecked: TrustOptions['onChecked'];
      /** See `damageReader`. */
      readonly readWithout: ReturnType<typeof damageReader>;
      /** When it aborts, this and all that is computed rejects. */
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<ExpectedState> {
    const { sources, catalog, local, asOfMs } = state;
    const { onChecked, readWithout, signal } = options;
    let found = state;
    const { allowHoles, isOnlyConfirmed, memoryMb, threads } = request;
    const segments = await readTrustedSegments({
      store: sources.store,
      catalog,
      local,
      asOfMs,
      allowHoles,
      isOnlyConfirmed,
      onChecked,
      signal,
      readWithout: readWithout && (async (damaged) => (found = await readWithout(damaged))),
    });
    const database = await Duckdb.open({ scratch: options.scratch, memoryMb, threads, signal });
    try {
      const fold = await Fold.open(database, segments.input, RANGE_ROWS);
      const folded = { fold, ranges: await fold.ranges(), demands: await fold.demands() };
      return new ExpectedState(database, folded, await describePlan(found, segments, folded));
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Folds all of it, to count it. */
  async count(onRange: (range: FoldRange, counts: FoldCounts) => void): Promise<StateCounts> {
    const total = new StateTally(this.demands.series);
    for (const range of this.ranges) {
      const counts = await this.fold.count(range);
      total.add(counts);
      onRange(range, counts);
    }
    return total.counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}

/** Adds up what ranges hold. */
export class StateTally {
  readonly #sum = { points: 0, provisional: 0, bytes: 0, telnet: 0 };
  readonly #series: number;

  /** A series with points received has some in the state. */
  constructor(series: number) {
    this.#series = series;
  }

  get counts(): StateCounts {
    return { ...this.#sum, series: this.#series };
  }

  add({ points = 0, provisional = 0, bytes = 0, telnet = 0 }: Partial<FoldCounts>): void {
    this.#sum.points += points;
    this.#sum.provisional += provisional;
    this.#sum.bytes += bytes;
    this.#sum.telnet += telnet;
  }
}
