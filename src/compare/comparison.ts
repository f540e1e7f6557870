import type { AnsweredQuery } from '../opentsdb/patient-query.ts';
import type { QueriedSeries } from '../opentsdb/query-answer.ts';
import { seriesKey } from '../restore/verify/expected-cell.ts';
import { compareAnswers, countCells, type MetricSpan } from './compare-answers.ts';
import { cutInHalves, cutLastSecond } from './cut-span.ts';
import { HOUR_MS, hourOf } from '../opentsdb/row-hour.ts';
import type { HourDifference } from './difference.ts';
import { type NamedAnswer, NamedSeries, type Tags } from './named-series.ts';
import { seriesIn, type Side, Sides, type SidesOptions } from './sides.ts';
import type { WindowSize } from './window-size.ts';

export interface ComparisonOptions extends SidesOptions {
  /** Called for one part of a metric after the other, from the latest to the oldest. */
  readonly onDifferences: (differences: readonly HourDifference[]) => Promise<void>;
}

export interface CompareSpan {
  /** Knows what the metric holds elsewhere. */
  readonly size: WindowSize;
  /** The span was compared from its end down to here, epoch ms. */
  readonly onReached: (fromMs: number) => void;
  readonly signal: AbortSignal;
}

export interface ComparisonCounts {
  /** Read of each. */
  readonly points: Readonly<Record<Side, number>>;
  readonly equal: number;
  /** Equal as far as the API shows. */
  readonly inexact: number;
}

interface Refusal {
  readonly side: Side;
  readonly reason: string;
}

const MINUTE_MS = 60_000;
const TOO_LARGE = 413;
/** Hours of a long window that are looked at first. */
const SAMPLES = 4;

/** Asks two OpenTSDBs for the same, window by window and in bounded memory, and compares what they show. */
export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #sides: Sides;
  readonly #byNames: NamedSeries;
  readonly #points = { source: 0, target: 0 };
  readonly #counts = { equal: 0, inexact: 0 };
  /** Of each metric under way, what can't be read of its last hour that has such: windows may be parts of an hour. */
  readonly #spoilt = new Map<string, { readonly hourMs: number; readonly known: Set<string> }>();

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.#sides = new Sides(options);
    this.#byNames = new NamedSeries(this.#sides);
  }

  get counts(): ComparisonCounts {
    return { points: { ...this.#points }, ...this.#counts };
  }

  /** Throws TARGET_UNUSABLE when one of the two doesn't answer any more; rejects when the signal aborts. */
  async compare(span: MetricSpan, { size, onReached, signal }: CompareSpan): Promise<void> {
    const { metric, fromMs } = span;
    for (let { toMs } = span; toMs >= fromMs;) {
      const start = Math.max(fromMs, size.startOf(toMs));
      const window = { metric, fromMs: start, toMs };
      if (size.isUncertain(toMs - start)) {
        const cells = await this.#sample(window, signal);
        if (cells === 'nowhere') break;
        if (!size.fits(cells, toMs - start)) {
          size.note(cells, HOUR_MS);
          continue;
        }
      }
      const cells = await this.#window(window, signal);
      size.note(cells, toMs - start + 1);
      toMs = start - 1;
      onReached(start);
    }
    this.#spoilt.delete(metric);
    onReached(fromMs);
  }

  /** The most cells of some hours of a window; `nowhere`: neither of the two knows the metric. */
  async #sample(
    { metric, fromMs, toMs }: MetricSpan,
    signal: AbortSignal,
  ): Promise<number | 'nowhere'> {
    let most = 0;
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const start = hourOf(fromMs + ((toMs - fromMs) / SAMPLES) * sample);
      const span = { metric, fromMs: start, toMs: start + HOUR_MS - 1 };
      const { source, target } = await this.#sides.both(span, signal);
      if (source.kind === 'unknown name' && target.kind === 'unknown name') return 'nowhere';
      most = Math.max(most, cellsOf(source), cellsOf(target));
    }
    return most;
  }

  /** Resolves to how many cells it found. */
  async #window(span: MetricSpan, signal: AbortSignal): Promise<number> {
    const { source, target } = await this.#sides.both(span, signal);
    const refusals = [...refusalOf('source', source), ...refusalOf('target', target)];
    if (refusals.length > 0) return this.#refused(span, refusals, signal);
    return this.#take(span, { source: seriesIn(source), target: seriesIn(target) }, signal);
  }

  /** One row that can't be read, or an answer that is too large, spoils the whole: smaller windows find it. */
  async #refused(
    span: MetricSpan,
    refusals: readonly Refusal[],
    signal: AbortSignal,
  ): Promise<number> {
    const halves = cutInHalves(span, refusals.some(isTooLarge) ? MINUTE_MS : HOUR_MS);
    if (halves !== undefined) {
      const [older, newer] = halves;
      const cells = await this.#window(newer, signal);
      return cells + (await this.#window(older, signal));
    }
    const sides = refusals.map(({ side }) => side);
    const cut = cutLastSecond(span);
    if (cut !== undefined) {
      // A scan up to an hour's last second reads the next row, too: it may be that one which can't be read.
      const [most, last] = cut;
      const replies = await this.#sides.both(most, signal);
      const own = sides.filter((side) => replies[side].kind === 'refused');
      if (own.length < sides.length) {
        const cells = await this.#byName(last, refusals, own, signal);
        return cells + (await this.#window(most, signal));
      }
    }
    return this.#byName(span, refusals, sides, signal);
  }

  /** Compares an hour, or a part of it, without the series that can't be read; tells of those of the sides that are named. */
  async #byName(
    span: MetricSpan,
    refusals: readonly Refusal[],
    told: readonly Side[],
    signal: AbortSignal,
  ): Promise<number> {
    const { source, target } = await this.#sides.both(span, signal);
    const names = await this.#byNames.namesOf(span, { source, target }, signal);
    const shown: Record<Side, NamedAnswer> = {
      source: { series: seriesIn(source), unreadable: [] },
      target: { series: seriesIn(target), unreadable: [] },
    };
    const spoilt: HourDifference[] = [];
    for (const { side, reason } of refusals) {
      shown[side] = await this.#byNames.ask(side, span, names, signal);
      const { unreadable } = shown[side];
      // Not one of those that have a name: it is in a series that only this side has, if it has any.
      const series = unreadable.length > 0 ? unreadable : [null];
      if (told.includes(side)) {
        spoilt.push(...series.map((tags) => unreadableHour(span, tags, side, reason)));
      }
    }
    const out = new Set([...shown.source.unreadable, ...shown.target.unreadable].map(seriesKey));
    const readable = ({ tags }: QueriedSeries): boolean => !out.has(seriesKey(tags));
    const both = {
      source: shown.source.series.filter(readable),
      target: shown.target.series.filter(readable),
    };
    await this.#options.onDifferences(spoilt.filter((one) => this.#isNew(one)));
    return this.#take(span, both, signal);
  }

  #isNew({ metric, hourMs, side, tags }: HourDifference): boolean {
    const last = this.#spoilt.get(metric);
    const { known } = last?.hourMs === hourMs ? last : { known: new Set<string>() };
    this.#spoilt.set(metric, { hourMs, known });
    const key = `${side} ${tags === null ? '' : seriesKey(tags)}`;
    return !known.has(key) && known.add(key).size > 0;
  }

  /** Compares the answers; where only what follows the window can tell, after one more look. Resolves to how many cells it found. */
  async #take(
    span: MetricSpan,
    answers: Parameters<typeof compareAnswers>[1],
    signal: AbortSignal,
  ): Promise<number> {
    const cells = { source: countCells(answers.source), target: countCells(answers.target) };
    this.#points.source += cells.source;
    this.#points.target += cells.target;
    let compared = compareAnswers(span, answers, false);
    if (compared.undecided > 0) {
      // A float in the next row counts, too.
      const toMs = hourOf(span.toMs) + 2 * HOUR_MS - 1;
      const { source, target } = await this.#sides.both({ ...span, toMs }, signal);
      if (source.kind === 'series' && target.kind === 'series') {
        const longer = { source: source.series, target: target.series };
        compared = compareAnswers(span, longer, true);
      }
    }
    this.#counts.equal += compared.equal;
    this.#counts.inexact += compared.inexact;
    if (compared.differences.length > 0) await this.#options.onDifferences(compared.differences);
    return Math.max(cells.source, cells.target);
  }
}

/** An answer that is refused counts as one of many. */
function cellsOf(answer: AnsweredQuery): number {
  return answer.kind === 'refused' ? 1_000_000 : countCells(seriesIn(answer));
}

function refusalOf(side: Side, answer: AnsweredQuery): Refusal[] {
  return answer.kind === 'refused' ? [{ side, reason: `${answer.status}: ${answer.message}` }] : [];
}

function isTooLarge({ reason }: Refusal): boolean {
  return reason.startsWith(`${TOO_LARGE}:`);
}

function unreadableHour(
  { metric, fromMs }: MetricSpan,
  tags: Tags | null,
  side: Side,
  reason: string,
): HourDifference {
  const hourMs = hourOf(fromMs);
  return { kind: 'unreadable', side, metric, tags, hourMs, points: [], reason };
}
