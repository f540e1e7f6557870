import { encodeWord } from '../format/canonical-tags.ts';
import { sqlLiteral } from '../duckdb.ts';

/** Which writes are looked for: those that fit everything that is named. */
export interface WriteFilter {
  /** Receive times. */
  readonly received: TimeSpan;
  /** Data times. */
  readonly instants?: TimeSpan;
  /** A metric; `*` in it stands for any characters. */
  readonly metric?: string;
  /** Keys and values; `*` in a value stands for any characters. */
  readonly tags?: readonly (readonly [string, string])[];
  /** Where it came from: `address:port`, or an address with any port. */
  readonly source?: string;
  /** As it was sent. */
  readonly value?: string;
}

/** Epoch ms: from inclusive, to exclusive. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** What holds of the rows of a segment that are looked for, in DuckDB's SQL. */
export function writeCondition({ received, ...filter }: WriteFilter): string {
  const { instants, metric, tags = [], source, value } = filter;
  return [
    "kind in ('put', 'put-json')",
    spanCondition('received_at', received),
    ...(instants === undefined ? [] : [spanCondition('instant_ms', instants)]),
    ...(metric === undefined ? [] : [metricCondition(metric)]),
    ...tags.map(tagCondition),
    ...(source === undefined ? [] : [sourceCondition(source)]),
    ...(value === undefined ? [] : [`value = ${sqlLiteral(value)}`]),
  ].join(' and ');
}

export function spanCondition(column: string, { from, to }: TimeSpan): string {
  return `${column} >= ${from} and ${column} < ${to}`;
}

/** Whether anything received, or told by its data time, from `from` to `to`, both included, may be in the span. */
export function touches(
  { from, to }: TimeSpan,
  range: { readonly from: number; readonly to: number },
): boolean {
  return range.from < to && range.to >= from;
}

function metricCondition(metric: string): string {
  if (!metric.includes('*')) return `metric = ${sqlLiteral(metric)}`;
  const begin = metric.slice(0, metric.indexOf('*'));
  const matches = `regexp_full_match(metric, ${sqlLiteral(patternOf(metric, '.*', String))}, 's')`;
  // By what the names begin with Parquet's statistics let most of a file be passed over.
  return begin === '' ? matches : `metric >= ${sqlLiteral(begin)} and ${matches}`;
}

/** Words hold no space, so one with spaces around it is a whole one. */
function tagCondition([key, value]: readonly [string, string]): string {
  const words = "' ' || tags || ' '";
  if (!value.includes('*')) {
    return `contains(${words}, ${sqlLiteral(` ${encodeWord(key)}=${encodeWord(value)} `)})`;
  }
  const pattern = `${escapePattern(encodeWord(key))}=${patternOf(value, '[^ ]*', encodeWord)}`;
  return `regexp_matches(${words}, ${sqlLiteral(` ${pattern} `)})`;
}

function sourceCondition(source: string): string {
  return `(source = ${sqlLiteral(source)} or starts_with(source, ${sqlLiteral(`${source}:`)}))`;
}

/** For RE2: the text, with `any` in place of each `*`. */
function patternOf(text: string, any: string, encode: (part: string) => string): string {
  return text
    .split('*')
    .map((part) => escapePattern(encode(part)))
    .join(any);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[!-/:-@[-`{-~]/g, String.raw`\$&`);
}
