import type { MetricSpan } from './compare-answers.ts';
import { HOUR_MS } from '../opentsdb/row-hour.ts';

const SECOND_MS = 1_000;

/** The older half and the newer one, cut at a full unit; undefined when the span is no longer than one. */
export function cutInHalves(
  span: MetricSpan,
  unitMs: number,
): readonly [MetricSpan, MetricSpan] | undefined {
  const { fromMs, toMs } = span;
  const middle = Math.floor((fromMs + toMs) / 2 / unitMs) * unitMs;
  const cut = middle > fromMs ? middle : (Math.floor(fromMs / unitMs) + 1) * unitMs;
  return cut > toMs ? undefined : cutAt(span, cut);
}

/** A span without its last second, and that second; undefined when it doesn't end with an hour, or is hardly longer. */
export function cutLastSecond(span: MetricSpan): readonly [MetricSpan, MetricSpan] | undefined {
  const { fromMs, toMs } = span;
  const endsHour = (toMs + 1) % HOUR_MS === 0 && toMs - fromMs >= 2 * SECOND_MS;
  return endsHour ? cutAt(span, toMs + 1 - SECOND_MS) : undefined;
}

function cutAt(span: MetricSpan, cut: number): readonly [MetricSpan, MetricSpan] {
  return [
    { ...span, toMs: cut - 1 },
    { ...span, fromMs: cut },
  ];
}
