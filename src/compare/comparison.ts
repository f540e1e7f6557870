import { type AnsweredQuery, askPatiently } from '../opentsdb/patient-query.ts';
import type { QueriedSeries } from '../opentsdb/query-answer.ts';
import type { QueryReply, RawQuery } from '../opentsdb/query-client.ts';
import { seriesKey } from '../restore/expected-cell.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import { compareAnswers, countCells, type Span } from './compare-answers.ts';
import { cutInHalves, cutLastSecond } from './cut-span.ts';
import { HOUR_MS, hourOf } from '../opentsdb/row-hour.ts';
import type { HourDifference } from './difference.ts';
import type { WindowSize } from './window-size.ts';

export interface ComparisonOptions {
  readonly source: (query: RawQuery) => Promise<QueryReply>;
  readonly target: (query: RawQuery) => Promise<QueryReply>;
  readonly clock: Clock;
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

type Side = 'source' | 'target';
type Tags = Readonly<Record<string, string>>;

interface Refusal {
  readonly side: Side;
  readonly reason: string;
}

/** What one side shows of series that were asked for by name. */
interface NamedAnswer {
  readonly series: readonly QueriedSeries[];
  readonly unreadable: readonly Tags[];
}

const MINUTE_MS = 60_000;
/** In one query that names them. */
const SERIES_MAX = 64;
const TOO_LARGE = 413;
/** Hours of a long window that are looked at first. */
const SAMPLES = 4;

/** Asks two OpenTSDBs for the same, window by window and in bounded memory, and compares what they show. */
export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #points = { source: 0, target: 0 };
  readonly #counts = { equal: 0, inexact: 0 };
  /** Of each metric under way, what can't be read of its last hour that has such: windows may be parts of an hour. */
  readonly #spoilt = new Map<string, { readonly hourMs: number; readonly known: Set<string> }>();

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  get counts(): ComparisonCounts {
    return { points: { ...this.#points }, ...this.#counts };
  }

  /** Throws TARGET_UNUSABLE when one of the two doesn't answer any more; rejects when the signal aborts. */
  async compare(span: Span, { size, onReached, signal }: CompareSpan): Promise<void> {
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
  async #sample({ metric, fromMs, toMs }: Span, signal: AbortSignal): Promise<number | 'nowhere'> {
    let most = 0;
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const start = hourOf(fromMs + ((toMs - fromMs) / SAMPLES) * sample);
      const span = { metric, fromMs: start, toMs: start + HOUR_MS - 1 };
      const { source, target } = await this.#both(span, signal);
      if (source.kind === 'unknown name' && target.kind === 'unknown name') return 'nowhere';
      most = Math.max(most, cellsOf(source), cellsOf(target));
    }
    return most;
  }

  /** Resolves to how many cells it found. */
  async #window(span: Span, signal: AbortSignal): Promise<number> {
    const { source, target } = await this.#both(span, signal);
    const refusals = [...refusalOf('source', source), ...refusalOf('target', target)];
    if (refusals.length > 0) return this.#refused(span, refusals, signal);
    return this.#take(span, { source: seriesIn(source), target: seriesIn(target) }, signal);
  }

  /** One row that can't be read, or an answer that is too large, spoils the whole: smaller windows find it. */
  async #refused(span: Span, refusals: readonly Refusal[], signal: AbortSignal): Promise<number> {
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
      const replies = await this.#both(most, signal);
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
    span: Span,
    refusals: readonly Refusal[],
    told: readonly Side[],
    signal: AbortSignal,
  ): Promise<number> {
    const { source, target } = await this.#both(span, signal);
    const names = await this.#namesOf(span, { source, target }, signal);
    const shown: Record<Side, NamedAnswer> = {
      source: { series: seriesIn(source), unreadable: [] },
      target: { series: seriesIn(target), unreadable: [] },
    };
    const spoilt: HourDifference[] = [];
    for (const { side, reason } of refusals) {
      shown[side] = await this.#named(side, span, names, signal);
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

  /** The series that the whole hour has, as far as one of the two shows it: a part of it may be without those that spoil it. */
  async #namesOf(
    { metric, fromMs }: Span,
    answers: Readonly<Record<Side, AnsweredQuery>>,
    signal: AbortSignal,
  ): Promise<readonly Tags[]> {
    const hourMs = hourOf(fromMs);
    const hour = await this.#both({ metric, fromMs: hourMs, toMs: hourMs + HOUR_MS - 1 }, signal);
    const series = [answers.source, answers.target, hour.source, hour.target].flatMap(seriesIn);
    return [...new Map(series.map(({ tags }) => [seriesKey(tags), tags])).values()];
  }

  #isNew({ metric, hourMs, side, tags }: HourDifference): boolean {
    const last = this.#spoilt.get(metric);
    const { known } = last?.hourMs === hourMs ? last : { known: new Set<string>() };
    this.#spoilt.set(metric, { hourMs, known });
    const key = `${side} ${tags === null ? '' : seriesKey(tags)}`;
    return !known.has(key) && known.add(key).size > 0;
  }

  /** Asks one side for series by name, and finds those that it can't read. */
  async #named(
    side: Side,
    span: Span,
    names: readonly Tags[],
    signal: AbortSignal,
  ): Promise<NamedAnswer> {
    if (names.length === 0) return { series: [], unreadable: [] };
    if (names.length > SERIES_MAX) return this.#namedInParts(side, span, parts(names), signal);
    const reply = await this.#ask(side, { ...span, series: names }, signal);
    if (reply.kind === 'series') return { series: reply.series, unreadable: [] };
    // An unknown name spoils the answer for all, as a row that can't be read does.
    if (names.length > 1) return this.#namedInParts(side, span, parts(names), signal);
    return { series: [], unreadable: reply.kind === 'refused' ? names : [] };
  }

  async #namedInParts(
    side: Side,
    span: Span,
    names: readonly (readonly Tags[])[],
    signal: AbortSignal,
  ): Promise<NamedAnswer> {
    const series: QueriedSeries[] = [];
    const unreadable: Tags[] = [];
    for (const some of names) {
      const part = await this.#named(side, span, some, signal);
      for (const one of part.series) series.push(one);
      unreadable.push(...part.unreadable);
    }
    return { series, unreadable };
  }

  /** Compares the answers; where only what follows the window can tell, after one more look. Resolves to how many cells it found. */
  async #take(
    span: Span,
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
      const { source, target } = await this.#both({ ...span, toMs }, signal);
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

  async #both(span: Span, signal: AbortSignal): Promise<Readonly<Record<Side, AnsweredQuery>>> {
    const query = { ...span, series: undefined };
    const [source, target] = await Promise.all([
      this.#ask('source', query, signal),
      this.#ask('target', query, signal),
    ]);
    return { source, target };
  }

  async #ask(side: Side, query: RawQuery, signal: AbortSignal): Promise<AnsweredQuery> {
    try {
      return await askPatiently(() => this.#options[side](query), this.#options.clock, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new WalError('TARGET_UNUSABLE', `the ${side}: ${(cause as Error).message}`, { cause });
    }
  }
}

function seriesIn(answer: AnsweredQuery): readonly QueriedSeries[] {
  return answer.kind === 'series' ? answer.series : [];
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

/** Two halves of few, or as many of many as one query takes. */
function parts(names: readonly Tags[]): Tags[][] {
  const size = Math.min(SERIES_MAX, Math.ceil(names.length / 2));
  return Array.from({ length: Math.ceil(names.length / size) }, (_, n) =>
    names.slice(n * size, (n + 1) * size),
  );
}

function unreadableHour(
  { metric, fromMs }: Span,
  tags: Tags | null,
  side: Side,
  reason: string,
): HourDifference {
  const hourMs = hourOf(fromMs);
  return { kind: 'unreadable', side, metric, tags, hourMs, points: [], reason };
}
