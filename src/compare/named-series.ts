import type { AnsweredQuery } from '../opentsdb/patient-query.ts';
import type { QueriedSeries } from '../opentsdb/query-answer.ts';
import { HOUR_MS, hourOf } from '../opentsdb/row-hour.ts';
import { seriesKey } from '../restore/verify/expected-cell.ts';
import type { MetricSpan } from './compare-answers.ts';
import { seriesIn, type Side, type Sides } from './sides.ts';

export type Tags = Readonly<Record<string, string>>;

/** What one side shows of series that were asked for by name. */
export interface NamedAnswer {
  readonly series: readonly QueriedSeries[];
  readonly unreadable: readonly Tags[];
}

/** In one query that names them. */
const SERIES_MAX = 64;

/** Series that are asked for by name: one that can't be read spoils the answer for all that are asked for with it. */
export class NamedSeries {
  readonly #sides: Sides;

  constructor(sides: Sides) {
    this.#sides = sides;
  }

  /** The series that the whole hour has, as far as one of the two shows it: a part of it may be without those that spoil it. */
  async namesOf(
    { metric, fromMs }: MetricSpan,
    answers: Readonly<Record<Side, AnsweredQuery>>,
    signal: AbortSignal,
  ): Promise<readonly Tags[]> {
    const hourMs = hourOf(fromMs);
    const hour = await this.#sides.both(
      { metric, fromMs: hourMs, toMs: hourMs + HOUR_MS - 1 },
      signal,
    );
    const series = [answers.source, answers.target, hour.source, hour.target].flatMap(seriesIn);
    return [...new Map(series.map(({ tags }) => [seriesKey(tags), tags])).values()];
  }

  /** Asks one side for series by name, and finds those that it can't read. */
  async ask(
    side: Side,
    span: MetricSpan,
    names: readonly Tags[],
    signal: AbortSignal,
  ): Promise<NamedAnswer> {
    if (names.length === 0) return { series: [], unreadable: [] };
    if (names.length > SERIES_MAX) return this.#askInParts(side, span, parts(names), signal);
    const reply = await this.#sides.ask(side, { ...span, series: names }, signal);
    if (reply.kind === 'series') return { series: reply.series, unreadable: [] };
    // An unknown name spoils the answer for all, as a row that can't be read does.
    if (names.length > 1) return this.#askInParts(side, span, parts(names), signal);
    return { series: [], unreadable: reply.kind === 'refused' ? names : [] };
  }

  async #askInParts(
    side: Side,
    span: MetricSpan,
    names: readonly (readonly Tags[])[],
    signal: AbortSignal,
  ): Promise<NamedAnswer> {
    const series: QueriedSeries[] = [];
    const unreadable: Tags[] = [];
    for (const some of names) {
      const part = await this.ask(side, span, some, signal);
      for (const one of part.series) series.push(one);
      unreadable.push(...part.unreadable);
    }
    return { series, unreadable };
  }
}

/** Two halves of few, or as many of many as one query takes. */
function parts(names: readonly Tags[]): Tags[][] {
  const size = Math.min(SERIES_MAX, Math.ceil(names.length / 2));
  return Array.from({ length: Math.ceil(names.length / size) }, (_, n) =>
    names.slice(n * size, (n + 1) * size),
  );
}
