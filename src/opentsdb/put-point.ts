import { formatTags, inHashMapOrder } from './java-tags.ts';
import { describeCell } from './java-number.ts';
import type { PutValue } from './java-number.ts';
import type { PutRules } from './put-rules.ts';

/** A data point whose words could be read; names are not checked yet. */
export interface PutPoint {
  readonly metric: string;
  /** A positive Java long: seconds up to 2 ** 32 - 1, above it milliseconds. */
  readonly timestamp: bigint;
  /** As sent. */
  readonly value: string;
  /** In the order sent. JSON can make a value null, which `checkPoint` refuses. */
  readonly tags: ReadonlyMap<string, string | null>;
}

/** `TSDB.checkTimestampAndTags`: the last millisecond that OpenTSDB stores. */
const TIMESTAMP_MAX = 9_999_999_999_999n;

/** HBase's limit for a row key: the UID table's row is the name in ISO-8859-1. */
export const NAME_BYTES_MAX = 32_767;

/** What OpenTSDB's `TSDB.addPoint` says against the point, in the order of its checks; undefined: nothing. */
export function checkPoint(
  point: PutPoint,
  value: PutValue & { readonly kind: 'long' | 'double' },
  transport: 'http' | 'telnet',
  rules: PutRules,
): string | undefined {
  const { metric, timestamp, tags } = point;
  if (value.kind === 'double' && !Number.isFinite(value.value)) {
    return `value is NaN or Infinite: ${value.value} for metric=${metric} timestamp=${timestamp}`;
  }
  if (timestamp > TIMESTAMP_MAX) {
    const cell = describeCell(value, transport);
    return `bad timestamp=${timestamp} when trying to add value=${cell} to metric=${metric}, tags=${formatTags(tags)}`;
  }
  if (tags.size === 0) return `Need at least one tag (metric=${metric}, tags={})`;
  if (rules.tagsMax !== undefined && tags.size > rules.tagsMax) {
    return `Too many tags: ${tags.size} maximum allowed: ${rules.tagsMax}, tags: ${formatTags(tags)}`;
  }
  return checkNames(point, rules);
}

/** Whether a name is so long that OpenTSDB fails to make a UID for it, over telnet without a word. */
export function hasOverlongName({ metric, tags }: PutPoint): boolean {
  if (metric.length > NAME_BYTES_MAX) return true;
  for (const [key, value] of tags) {
    if (key.length > NAME_BYTES_MAX || (value ?? '').length > NAME_BYTES_MAX) return true;
  }
  return false;
}

function checkNames({ metric, tags }: PutPoint, rules: PutRules): string | undefined {
  const metricError = checkName('metric name', metric, rules);
  if (metricError !== undefined) return metricError;
  // The order decides only which error is told, so it is not worked out for the good.
  let legal = true;
  for (const [key, value] of tags) legal &&= isName(key, rules) && isName(value, rules);
  for (const [key, value] of legal ? [] : inHashMapOrder(tags)) {
    const error =
      checkName(`tag name with value [${value}]`, key, rules) ??
      checkName(`tag value with key [${key}]`, value, rules);
    if (error !== undefined) return error;
  }
  return undefined;
}

/** `Tags.validateString`. */
function checkName(what: string, name: string | null, rules: PutRules): string | undefined {
  if (isName(name, rules)) return undefined;
  if (name === null) return `Invalid ${what}: null`;
  if (name === '') return `Invalid ${what}: empty string`;
  const illegal = name.charAt(endOfLegal(name, rules));
  return `Invalid ${what} ("${name}"): illegal character: ${illegal}`;
}

function isName(name: string | null, rules: PutRules): boolean {
  return name !== null && name !== '' && endOfLegal(name, rules) === name.length;
}

/** The place of the first illegal character, or the length. */
function endOfLegal(name: string, rules: PutRules): number {
  let at = 0;
  while (at < name.length && isNameCharacter(name.charCodeAt(at), rules)) at += 1;
  return at;
}

/**
 * OpenTSDB lets every Unicode letter pass but stores names in ISO-8859-1, where all beyond become
 * `?` and collide: those are refused here. While `specialChars` is unknown all printable ones pass.
 */
function isNameCharacter(code: number, { specialChars }: PutRules): boolean {
  if (code > 0xff) return false;
  if (isLatinLetter(code) || (code >= 0x30 && code <= 0x39)) return true;
  if (code >= 0x2d && code <= 0x2f) return true; // - . /
  if (code === 0x5f) return true; // _
  if (specialChars !== undefined) return specialChars.includes(String.fromCharCode(code));
  return (code >= 0x20 && code < 0x7f) || code >= 0xa0;
}

/** `Character.isLetter` up to U+00FF. */
function isLatinLetter(code: number): boolean {
  if (code < 0x80) return (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
  if (code < 0xc0) return code === 0xaa || code === 0xb5 || code === 0xba;
  return code !== 0xd7 && code !== 0xf7;
}
