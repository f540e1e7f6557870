import { QUERY_MS_MAX } from '../../opentsdb/query-client.ts';
import { tagsOf } from '../../archive/format/canonical-tags.ts';
import { type ExpectedCell, seriesKey } from './expected-cell.ts';

interface ExpectedSeries {
  readonly tags: Readonly<Record<string, string>>;
  /** Value as sent, by instant. */
  readonly cells: Map<number, string>;
}

/** Expected cells that one query is to show. */
export interface QueryWindow {
  readonly metric: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** By `seriesKey`. */
  readonly series: ReadonlyMap<string, ExpectedSeries>;
  readonly cells: number;
  /** `metric`: nothing else is in the metric at those times; `series`: nothing else is in those series. */
  readonly scope: 'metric' | 'series';
}

export interface QueryWindowLimits {
  readonly cells: number;
  /** In one query that names them. */
  readonly series: number;
}

/**
 * Cuts cells that come by metric, then instant, into windows. Together the windows of a metric cover all of time, so that
 * what is too much shows wherever it is. An instant with more cells than fit is asked for by series.
 */
export async function* windowsByInstant(
  cells: AsyncIterable<readonly ExpectedCell[]>,
  limits: QueryWindowLimits,
): AsyncGenerator<QueryWindow> {
  let draft: Draft | undefined;
  let last: ExpectedCell | undefined;
  for await (const batch of cells) {
    for (const cell of batch) {
      if (draft !== undefined && cell.metric !== draft.metric) {
        yield draft.end(QUERY_MS_MAX);
        draft = undefined;
      } else if (draft !== undefined) {
        const isFull = draft.cells >= limits.cells || draft.scope === 'series';
        const isNew = cell.instantMs !== last?.instantMs;
        if (isFull && isNew) {
          yield draft.end(last?.instantMs ?? 0);
          draft = new Draft(cell.metric, (last?.instantMs ?? 0) + 1, 'metric');
        } else if (draft.cells >= limits.cells * 2) {
          // So many series at one instant: the rest of them is asked for by name.
          yield draft.end(cell.instantMs, 'series');
          draft = new Draft(cell.metric, cell.instantMs, 'series');
        }
      }
      draft ??= new Draft(cell.metric, 0, 'metric');
      draft.add(cell);
      last = cell;
    }
  }
  if (draft !== undefined) yield draft.end(QUERY_MS_MAX);
}

/** Cuts cells that come by series, then instant, into windows over whole series, or parts of a long one. */
export async function* windowsBySeries(
  cells: AsyncIterable<readonly ExpectedCell[]>,
  limits: QueryWindowLimits,
): AsyncGenerator<QueryWindow> {
  let draft: Draft | undefined;
  let last: ExpectedCell | undefined;
  for await (const batch of cells) {
    for (const cell of batch) {
      const isSame = last?.metric === cell.metric && last.tags === cell.tags;
      if (draft !== undefined && last !== undefined) {
        const isFull = draft.cells >= limits.cells;
        const isPart = draft.fromMs > 0;
        if (
          !isSame &&
          (isFull || isPart || draft.size >= limits.series || draft.metric !== cell.metric)
        ) {
          yield draft.end(QUERY_MS_MAX);
          draft = undefined;
        } else if (isSame && isFull && draft.size === 1) {
          yield draft.end(last.instantMs);
          draft = new Draft(cell.metric, last.instantMs + 1, 'series');
        }
      }
      draft ??= new Draft(cell.metric, 0, 'series');
      draft.add(cell);
      last = cell;
    }
  }
  if (draft !== undefined) yield draft.end(QUERY_MS_MAX);
}

/** Two windows that together are the given one; undefined when it is of one instant and one series. */
export function halves(window: QueryWindow): readonly [QueryWindow, QueryWindow] | undefined {
  const instants = new Set<number>();
  for (const { cells } of window.series.values()) for (const ms of cells.keys()) instants.add(ms);
  const sorted = [...instants].toSorted((a, b) => a - b);
  if (sorted.length > 1) {
    const middle = (sorted[Math.floor(sorted.length / 2)] ?? 0) - 1;
    const { fromMs, toMs } = window;
    return [part(window, fromMs, middle), part(window, middle + 1, toMs)];
  }
  const [one, other] = byName(window, Math.ceil(window.series.size / 2));
  return one === undefined || other === undefined ? undefined : [one, other];
}

/** The same, with so many series in each, asked for by name. */
export function byName(window: QueryWindow, seriesMax: number): QueryWindow[] {
  const all = [...window.series];
  const windows: QueryWindow[] = [];
  for (let from = 0; from < all.length; from += seriesMax) {
    windows.push(named(window, all.slice(from, from + seriesMax)));
  }
  return windows;
}

function part(window: QueryWindow, fromMs: number, toMs: number): QueryWindow {
  const series = new Map<string, ExpectedSeries>();
  let count = 0;
  for (const [key, { tags, cells }] of window.series) {
    const within = [...cells].filter(([ms]) => ms >= fromMs && ms <= toMs);
    if (within.length > 0) series.set(key, { tags, cells: new Map(within) });
    count += within.length;
  }
  return { ...window, fromMs, toMs, series, cells: count };
}

function named(window: QueryWindow, series: readonly [string, ExpectedSeries][]): QueryWindow {
  const cells = series.reduce((sum, [, one]) => sum + one.cells.size, 0);
  return { ...window, series: new Map(series), cells, scope: 'series' };
}

class Draft {
  readonly metric: string;
  readonly fromMs: number;
  cells = 0;
  readonly scope: QueryWindow['scope'];
  readonly #series = new Map<string, ExpectedSeries>();
  /** `seriesKey` by the text in the archive, which repeats. */
  readonly #keys = new Map<string, string>();

  constructor(metric: string, fromMs: number, scope: QueryWindow['scope']) {
    this.metric = metric;
    this.fromMs = fromMs;
    this.scope = scope;
  }

  get size(): number {
    return this.#series.size;
  }

  add(cell: ExpectedCell): void {
    let key = this.#keys.get(cell.tags);
    if (key === undefined) {
      const tags = tagsOf(cell.tags);
      key = seriesKey(tags);
      this.#keys.set(cell.tags, key);
      if (!this.#series.has(key)) this.#series.set(key, { tags, cells: new Map() });
    }
    this.#series.get(key)?.cells.set(cell.instantMs, cell.value);
    this.cells += 1;
  }

  end(toMs: number, scope = this.scope): QueryWindow {
    const { metric, fromMs, cells } = this;
    return { metric, fromMs, toMs: Math.max(toMs, fromMs), series: this.#series, cells, scope };
  }
}
