import type { QueriedSeries } from '../opentsdb/query-answer.ts';
import { seriesKey } from '../restore/verify/expected-cell.ts';
import type { DifferenceKind, DifferentPoint, HourDifference } from './difference.ts';
import { hourOf } from '../opentsdb/row-hour.ts';

/** A stretch of time of one metric; epoch ms, both ends included. */
export interface MetricSpan {
  readonly metric: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface AnswersCompared {
  readonly equal: number;
  /** Equal as far as the API shows: see `judge`. */
  readonly inexact: number;
  /** Of `inexact`, those of which it isn't known whether a float follows. */
  readonly undecided: number;
  readonly differences: readonly HourDifference[];
}

interface Cell {
  readonly ms: number;
  readonly text: string;
}

interface Series {
  readonly tags: Readonly<Record<string, string>>;
  readonly cells: readonly Cell[];
}

/** A cell as it is shown, and what follows it in its series. */
interface Shown {
  readonly text: string;
  readonly next: string | undefined;
}

type Judgement = 'equal' | 'inexact' | 'undecided' | 'different' | 'form';

const EXACT_MAX = 2 ** 53;
const LONG_LIMIT = 2 ** 63;
const INTEGER = /^-?\d+$/;

/**
 * Compares what two OpenTSDBs show of a span. Cells outside of it only tell what follows; `isEndKnown`: nothing more follows
 * the last cell of a series.
 */
export function compareAnswers(
  { metric, fromMs, toMs }: MetricSpan,
  answers: { readonly source: readonly QueriedSeries[]; readonly target: readonly QueriedSeries[] },
  isEndKnown: boolean,
): AnswersCompared {
  const sources = seriesOf(metric, answers.source);
  const targets = seriesOf(metric, answers.target);
  const counts = { equal: 0, inexact: 0, undecided: 0 };
  const differences: HourDifference[] = [];
  for (const key of new Set([...sources.keys(), ...targets.keys()])) {
    const source = sources.get(key);
    const target = targets.get(key);
    const tags = (source ?? target)?.tags ?? {};
    const hours = new HoursOfSeries(metric, tags);
    for (const { ms, a, b } of pairs(source?.cells ?? [], target?.cells ?? [])) {
      if (ms < fromMs || ms > toMs) continue;
      const judged = judgePair(a, b, isEndKnown);
      if (judged === 'equal') counts.equal += 1;
      else if (judged === 'inexact' || judged === 'undecided') {
        counts.inexact += 1;
        if (judged === 'undecided') counts.undecided += 1;
      } else {
        hours.add(judged, {
          instantMs: ms,
          source: a?.text ?? null,
          target: b?.text ?? null,
          isShownExactly: a === undefined || !mayLackDigits(a, isEndKnown),
        });
      }
    }
    differences.push(...hours.all);
  }
  return { ...counts, differences };
}

/** How many cells an answer has. */
export function countCells(series: readonly QueriedSeries[]): number {
  return series.reduce((sum, { cells }) => sum + cells.length, 0);
}

function judgePair(
  a: Shown | undefined,
  b: Shown | undefined,
  isEndKnown: boolean,
): Judgement | 'missing' | 'extra' {
  if (a === undefined) return 'extra';
  return b === undefined ? 'missing' : judge(a, b, isEndKnown);
}

/**
 * OpenTSDB shows an integer as a float when a float follows it in the series, and with it the type and the digits above 2^53
 * are lost: two texts that may stand for equal values then count as `inexact`.
 */
function judge(a: Shown, b: Shown, isEndKnown: boolean): Judgement {
  const [isIntegerA, isIntegerB] = [INTEGER.test(a.text), INTEGER.test(b.text)];
  if (isIntegerA && isIntegerB) return BigInt(a.text) === BigInt(b.text) ? 'equal' : 'different';
  if (!isIntegerA && !isIntegerB) {
    if (a.text !== b.text && !isSameFloat(a.text, b.text)) return 'different';
    return mayLackDigits(a, isEndKnown) || mayLackDigits(b, isEndKnown) ? 'inexact' : 'equal';
  }
  const [integer, float] = isIntegerA ? [a, b] : [b, a];
  const hides = mayBeInteger(float, isEndKnown);
  if (hides === 'no') return isSameNumber(integer.text, float.text) ? 'form' : 'different';
  if (Number(integer.text) !== Number(float.text)) return 'different';
  return hides === 'yes' ? 'inexact' : 'undecided';
}

/** Whether what is shown as a float may be an integer, by what follows it. */
function mayBeInteger({ text, next }: Shown, isEndKnown: boolean): 'yes' | 'no' | 'unknown' {
  const value = Number(text);
  const isWhole = Number.isInteger(value) && Math.abs(value) <= LONG_LIMIT;
  if (!isWhole || Object.is(value, -0)) return 'no';
  if (next === undefined) return isEndKnown ? 'no' : 'unknown';
  return INTEGER.test(next) ? 'no' : 'yes';
}

/** Whether it may be an integer of which not every digit is shown. */
function mayLackDigits(shown: Shown, isEndKnown: boolean): boolean {
  if (INTEGER.test(shown.text) || Math.abs(Number(shown.text)) < EXACT_MAX) return false;
  return mayBeInteger(shown, isEndKnown) !== 'no';
}

function isSameFloat(a: string, b: string): boolean {
  const number = Number(a);
  return !Number.isNaN(number) && Object.is(number, Number(b));
}

function isSameNumber(integer: string, float: string): boolean {
  const number = Number(float);
  return Number.isInteger(number) && BigInt(number) === BigInt(integer);
}

/** The cells of both by instant. */
function* pairs(
  a: readonly Cell[],
  b: readonly Cell[],
): Generator<{
  readonly ms: number;
  readonly a: Shown | undefined;
  readonly b: Shown | undefined;
}> {
  let [atA, atB] = [0, 0];
  while (atA < a.length || atB < b.length) {
    const [msA, msB] = [a[atA]?.ms ?? Infinity, b[atB]?.ms ?? Infinity];
    const ms = Math.min(msA, msB);
    yield {
      ms,
      a: msA === ms ? shownAt(a, atA) : undefined,
      b: msB === ms ? shownAt(b, atB) : undefined,
    };
    if (msA === ms) atA += 1;
    if (msB === ms) atB += 1;
  }
}

function shownAt(cells: readonly Cell[], at: number): Shown {
  return { text: cells[at]?.text ?? '', next: cells[at + 1]?.text };
}

function seriesOf(metric: string, answer: readonly QueriedSeries[]): Map<string, Series> {
  const found = new Map<string, Series>();
  for (const { metric: name, tags, cells } of answer) {
    if (name === metric && cells.length > 0)
      found.set(seriesKey(tags), { tags, cells: read(cells) });
  }
  return found;
}

/** By time. An instant that is shown twice with two values has both in its text, which equals no number. */
function read(cells: QueriedSeries['cells']): Cell[] {
  const sorted = cells
    .map(([time, text]): Cell => ({ ms: Number(time), text }))
    .toSorted((a, b) => a.ms - b.ms);
  const distinct: Cell[] = [];
  for (const cell of sorted) {
    const last = distinct.at(-1);
    if (last?.ms !== cell.ms) distinct.push(cell);
    else if (last.text !== cell.text) {
      distinct.splice(-1, 1, { ms: cell.ms, text: `${last.text} and ${cell.text}` });
    }
  }
  return distinct;
}

class HoursOfSeries {
  readonly #metric: string;
  readonly #tags: HourDifference['tags'];
  readonly #hours = new Map<string, HourDifference & { readonly points: DifferentPoint[] }>();

  constructor(metric: string, tags: HourDifference['tags']) {
    this.#metric = metric;
    this.#tags = tags;
  }

  get all(): HourDifference[] {
    return [...this.#hours.values()];
  }

  add(kind: Exclude<DifferenceKind, 'unreadable'>, point: DifferentPoint): void {
    const hourMs = hourOf(point.instantMs);
    const key = `${hourMs} ${kind}`;
    const hour = this.#hours.get(key);
    if (hour !== undefined) hour.points.push(point);
    else {
      const [metric, tags] = [this.#metric, this.#tags];
      const points = [point];
      this.#hours.set(key, { kind, side: null, metric, tags, hourMs, points, reason: null });
    }
  }
}
