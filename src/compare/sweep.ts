import type { QueryClient } from '../opentsdb/query-client.ts';
import type { Clock } from '../runtime/clock.ts';
import { Progress, type ProgressTold } from '../runtime/progress.ts';
import type { MetricSpan } from './compare-answers.ts';
import { Comparison, type ComparisonCounts } from './comparison.ts';
import type { HourDifference } from './difference.ts';
import { WindowSize } from './window-size.ts';

export interface SweepOptions {
  readonly clients: Readonly<Record<'source' | 'target', Pick<QueryClient, 'query'>>>;
  readonly clock: Clock;
  readonly onDifferences: (differences: readonly HourDifference[]) => Promise<void>;
  readonly onProgress: (told: ProgressTold) => void;
  /** In the end, also of what broke off. */
  readonly onCounts: (counts: ComparisonCounts) => void;
}

/** Metrics under way at once. */
export const METRICS_MAX = 2;

/**
 * Compares all that is named: for each metric one stretch of time or several. Throws TARGET_UNUSABLE when one of the two
 * doesn't answer any more; rejects when the signal aborts.
 */
export async function sweep(
  metrics: readonly (readonly MetricSpan[])[],
  { clients, clock, onDifferences, onProgress, onCounts }: SweepOptions,
  signal: AbortSignal,
): Promise<void> {
  let ended = 0;
  /** Of each metric under way, how much of its time is done: 0 to 1. */
  const shares = new Map<string, number>();
  const comparison = new Comparison({
    source: (query) => clients.source.query(query),
    target: (query) => clients.target.query(query),
    clock,
    onDifferences,
  });
  const all = metrics[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const spans of { [Symbol.iterator]: () => all }) {
      const size = new WindowSize();
      const totalMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs + 1, 0);
      let doneMs = 0;
      for (const span of spans) {
        const { metric, fromMs, toMs } = span;
        const onReached = (ms: number): void => {
          shares.set(metric, (doneMs + toMs - ms + 1) / totalMs);
        };
        await comparison.compare(span, { size, onReached, signal });
        doneMs += toMs - fromMs + 1;
      }
      shares.delete(spans[0]?.metric ?? '');
      ended += 1;
    }
  };
  const progress = new Progress({
    clock,
    report: onProgress,
    measure: () => {
      const underWay = [...shares.values()].reduce((sum, share) => sum + share, 0);
      const { source, target } = comparison.counts.points;
      const share = metrics.length === 0 ? 1 : (ended + underWay) / metrics.length;
      return { progress: Math.min(1, share), done: source + target };
    },
  });
  try {
    await Promise.all(Array.from({ length: METRICS_MAX }, worker));
  } finally {
    progress.end();
    onCounts(comparison.counts);
  }
}
