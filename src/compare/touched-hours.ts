import type { MetricSpan } from './compare-answers.ts';
import { HOUR_MS } from '../opentsdb/row-hour.ts';
import type { HourDifference } from './difference.ts';

/** Hours this close are looked at in one stretch. */
const NEAR_MS = 24 * HOUR_MS;

/** Epoch ms, both included. */
type Stretch = Pick<MetricSpan, 'fromMs' | 'toMs'>;

/** The hours in which something differs, in stretches, metric by metric; no two stretches of a metric are near to each other. */
export class TouchedHours {
  readonly #stretches = new Map<string, readonly Stretch[]>();

  /** In any order: within a window they come series by series. */
  add(differences: readonly HourDifference[]): void {
    for (const { metric, hourMs } of differences) {
      const stretches = this.#stretches.get(metric) ?? [];
      const toMs = hourMs + HOUR_MS - 1;
      if (stretches.some((one) => hourMs >= one.fromMs && toMs <= one.toMs)) continue;
      // With an hour between them, two that were apart are one.
      const near = stretches.filter((one) => isNear(one, hourMs));
      const united = {
        fromMs: Math.min(hourMs, ...near.map((one) => one.fromMs)),
        toMs: Math.max(toMs, ...near.map((one) => one.toMs)),
      };
      this.#stretches.set(metric, [united, ...stretches.filter((one) => !isNear(one, hourMs))]);
    }
  }

  get isEmpty(): boolean {
    return this.#stretches.size === 0;
  }

  /** Those of each metric, from the latest to the oldest and no further than the bounds (both included). */
  byMetric(bounds: Stretch): readonly (readonly MetricSpan[])[] {
    return [...this.#stretches].map(([metric, stretches]) =>
      stretches
        .toSorted((a, b) => b.fromMs - a.fromMs)
        .map(({ fromMs, toMs }) => ({
          metric,
          fromMs: Math.max(fromMs, bounds.fromMs),
          toMs: Math.min(toMs, bounds.toMs),
        })),
    );
  }
}

function isNear({ fromMs, toMs }: Stretch, hourMs: number): boolean {
  return hourMs <= toMs + NEAR_MS && hourMs + HOUR_MS - 1 >= fromMs - NEAR_MS;
}
