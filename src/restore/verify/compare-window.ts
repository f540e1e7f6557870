import type { QueriedSeries } from '../../opentsdb/query-answer.ts';
import { compareValue } from './compare-value.ts';
import { seriesKey } from './expected-cell.ts';
import type { QueryWindow } from './query-window.ts';

/** Where the target is not as it should be. */
export interface Difference {
  /** `unreadable`: the target answers no query for it. */
  readonly kind: 'missing' | 'different' | 'unexpected' | 'unreadable';
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Epoch ms. */
  readonly instantMs: number;
  /** As sent. */
  readonly expected?: string;
  /** As the query shows it. */
  readonly found?: string;
  readonly reason?: string;
}

export interface WindowComparison {
  readonly exact: number;
  /** Equal as far as OpenTSDB's API can show it. */
  readonly inexact: number;
  readonly differences: readonly Difference[];
}

/** Compares a window with what a query for it showed. */
export function compareWindow(
  window: QueryWindow,
  found: readonly QueriedSeries[],
): WindowComparison {
  const differences: Difference[] = [];
  let exact = 0;
  let inexact = 0;
  const seen = new Map<string, Map<number, string>>();
  for (const series of found) collect(window, series, seen, differences);
  const { metric } = window;
  for (const [key, { tags, cells }] of window.series) {
    const shown = seen.get(key);
    for (const [instantMs, expected] of cells) {
      const value = shown?.get(instantMs);
      if (value === undefined) {
        differences.push({ kind: 'missing', metric, tags, instantMs, expected });
        continue;
      }
      const result = compareValue(expected, value);
      if (result === 'exact') exact += 1;
      else if (result === 'inexact') inexact += 1;
      else differences.push({ kind: 'different', metric, tags, instantMs, expected, found: value });
    }
  }
  return { exact, inexact, differences };
}

/** Every expected cell of the window, as not to be read. */
export function unreadable({ metric, series }: QueryWindow, reason: string): Difference[] {
  return [...series.values()].flatMap(({ tags, cells }) =>
    [...cells].map(([instantMs, expected]): Difference => ({
      kind: 'unreadable',
      metric,
      tags,
      instantMs,
      expected,
      reason,
    })),
  );
}

/** Takes the cells of the window, and tells of those that nobody expects. */
function collect(
  window: QueryWindow,
  { metric, tags, cells }: QueriedSeries,
  seen: Map<string, Map<number, string>>,
  differences: Difference[],
): void {
  const key = seriesKey(tags);
  const expected = window.series.get(key);
  // Asked for by name, a series of another window may come too.
  if (metric !== window.metric || (expected === undefined && window.scope === 'series')) return;
  const shown = seen.get(key) ?? new Map<number, string>();
  seen.set(key, shown);
  for (const [time, value] of cells) {
    const instantMs = Number(time);
    if (instantMs < window.fromMs || instantMs > window.toMs) continue;
    const isTwice = shown.has(instantMs) && shown.get(instantMs) !== value;
    if (isTwice || expected?.cells.has(instantMs) !== true) {
      differences.push({ kind: 'unexpected', metric, tags, instantMs, found: value });
    }
    if (!isTwice) shown.set(instantMs, value);
  }
}
