import { type AnsweredQuery, askPatiently } from '../../opentsdb/patient-query.ts';
import { QUERY_MS_MAX, type QueryReply, type RawQuery } from '../../opentsdb/query-client.ts';
import type { Clock } from '../../runtime/clock.ts';
import { compareWindow, type Difference, unreadable } from './compare-window.ts';
import { type ExpectedCell, seriesKey } from './expected-cell.ts';
import {
  byName,
  halves,
  type QueryWindow,
  windowsByInstant,
  windowsBySeries,
} from './query-window.ts';

export interface VerificationCounts {
  /** Cells that were expected. */
  readonly cells: number;
  readonly exact: number;
  /** Equal as far as OpenTSDB's API can show it. */
  readonly inexact: number;
  readonly missing: number;
  readonly different: number;
  readonly unexpected: number;
  readonly unreadable: number;
  /** Series with a difference, at most SERIES_COUNTED. */
  readonly seriesWithDifferences: number;
  readonly queries: number;
}

export interface VerificationOptions {
  readonly query: (query: RawQuery) => Promise<QueryReply>;
  readonly clock: Clock;
  readonly onDifference: (difference: Difference) => Promise<void>;
}

/** Queries under way at once. */
export const QUERIES_MAX = 2;
const WINDOW = { cells: 20_000, series: 64 } as const;
/** More series with differences are not told apart. */
const SERIES_COUNTED = 100_000;

/** Compares an OpenTSDB with the expected state, in bounded memory: every expected cell, and what else is in their metrics. */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #counts = { cells: 0, exact: 0, inexact: 0, queries: 0 };
  readonly #kinds = { missing: 0, different: 0, unexpected: 0, unreadable: 0 };
  readonly #series = new Set<string>();

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  get counts(): VerificationCounts {
    return { ...this.#counts, ...this.#kinds, seriesWithDifferences: this.#series.size };
  }

  /**
   * Compares the cells of one range. `by instant`: whole metrics, so that other series in them show; `by series`: a part of a
   * metric. Rejects when the target doesn't answer any more, or the signal aborts.
   */
  async compare(
    cells: AsyncIterable<readonly ExpectedCell[]>,
    order: 'by instant' | 'by series',
    signal: AbortSignal,
  ): Promise<void> {
    const windows =
      order === 'by instant' ? windowsByInstant(cells, WINDOW) : windowsBySeries(cells, WINDOW);
    const worker = async (): Promise<void> => {
      for (;;) {
        const next = await windows.next();
        if (next.done === true) return;
        signal.throwIfAborted();
        this.#counts.cells += next.value.cells;
        await this.#window(next.value, signal);
      }
    };
    try {
      await Promise.all(Array.from({ length: QUERIES_MAX }, worker));
    } finally {
      await windows.return(undefined);
    }
  }

  async #window(window: QueryWindow, signal: AbortSignal): Promise<void> {
    if (window.toMs >= QUERY_MS_MAX) {
      const beyond = beyondReach(window);
      if (beyond.length > 0) await this.#take({ exact: 0, inexact: 0, differences: beyond });
    }
    if (window.fromMs > QUERY_MS_MAX) return;
    if (window.scope === 'series' && window.series.size > WINDOW.series) {
      for (const named of byName(window, WINDOW.series)) await this.#window(named, signal);
      return;
    }
    const { fromMs, toMs, metric, scope, series } = withinReach(window);
    const tags = scope === 'series' ? [...series.values()].map((one) => one.tags) : undefined;
    if (tags?.length === 0) return;
    const reply = await this.#ask({ fromMs, toMs, metric, series: tags }, signal);
    if (reply.kind === 'series') {
      await this.#take(compareWindow(withinReach(window), reply.series));
      return;
    }
    if (reply.kind === 'unknown name' && (tags === undefined || tags.length === 1)) {
      await this.#take(compareWindow(withinReach(window), []));
      return;
    }
    if (reply.kind === 'unknown name') {
      // One of the names spoils the answer for all.
      for (const named of byName(window, 1)) await this.#window(named, signal);
      return;
    }
    // One row that can't be read, or an answer that is too large, spoils the whole: smaller windows find it.
    const parts = halves(withinReach(window));
    if (parts !== undefined) for (const part of parts) await this.#window(part, signal);
    else {
      const differences = unreadable(window, `${reply.status}: ${reply.message}`);
      await this.#take({ exact: 0, inexact: 0, differences });
    }
  }

  async #ask(query: RawQuery, signal: AbortSignal): Promise<AnsweredQuery> {
    const ask = async (): Promise<QueryReply> => {
      this.#counts.queries += 1;
      return this.#options.query(query);
    };
    return askPatiently(ask, this.#options.clock, signal);
  }

  async #take(comparison: ReturnType<typeof compareWindow>): Promise<void> {
    this.#counts.exact += comparison.exact;
    this.#counts.inexact += comparison.inexact;
    for (const difference of comparison.differences) {
      this.#kinds[difference.kind] += 1;
      if (this.#series.size < SERIES_COUNTED) {
        this.#series.add(`${difference.metric} ${seriesKey(difference.tags)}`);
      }
      await this.#options.onDifference(difference);
    }
  }
}

/** Cells at times that OpenTSDB has no row for. */
function beyondReach(window: QueryWindow): Difference[] {
  const reason = 'OpenTSDB answers no query for times after 2106-02-07T05:59:58Z';
  return unreadable(window, reason).filter(({ instantMs }) => instantMs > QUERY_MS_MAX);
}

function withinReach(window: QueryWindow): QueryWindow {
  const series = [...window.series].flatMap(([key, { tags, cells }]) => {
    const within = [...cells].filter(([ms]) => ms <= QUERY_MS_MAX);
    return within.length > 0 ? [[key, { tags, cells: new Map(within) }] as const] : [];
  });
  return { ...window, toMs: Math.min(window.toMs, QUERY_MS_MAX), series: new Map(series) };
}
