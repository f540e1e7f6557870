import type { Span } from './compare-answers.ts';
import { HOUR_MS, type HourDifference } from './difference.ts';

/** Hours this close are looked at in one stretch. */
const NEAR_MS = 24 * HOUR_MS;

/** The hours in which something differs, in stretches, metric by metric. */
export class TouchedHours {
  readonly #spans = new Map<string, { fromMs: number; toMs: number }[]>();

  /** Of one metric, from the latest to the oldest, as a comparison tells them. */
  add(differences: readonly HourDifference[]): void {
    for (const { metric, hourMs } of differences) {
      const spans = this.#spans.get(metric) ?? [];
      this.#spans.set(metric, spans);
      const toMs = hourMs + HOUR_MS - 1;
      const near = spans.findLast(
        (one) => hourMs <= one.toMs + NEAR_MS && toMs >= one.fromMs - NEAR_MS,
      );
      if (near === undefined) spans.push({ fromMs: hourMs, toMs });
      else {
        near.fromMs = Math.min(near.fromMs, hourMs);
        near.toMs = Math.max(near.toMs, toMs);
      }
    }
  }

  get isEmpty(): boolean {
    return this.#spans.size === 0;
  }

  /** Those of each metric, no further than the bounds (both included). */
  byMetric(bounds: {
    readonly fromMs: number;
    readonly toMs: number;
  }): readonly (readonly Span[])[] {
    return [...this.#spans].map(([metric, spans]) =>
      spans.map(({ fromMs, toMs }) => ({
        metric,
        fromMs: Math.max(fromMs, bounds.fromMs),
        toMs: Math.min(toMs, bounds.toMs),
      })),
    );
  }
}
