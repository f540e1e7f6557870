import type { LineBuffer } from '../record/line-buffer.ts';
import { endOfNumber, endOfTimestamp } from './number-bytes.ts';
import { endOfName, literal, PutCopier, tagsLimit } from './put-copier.ts';
import type { Literal } from './put-copier.ts';
import { NAME_BYTES_MAX } from './put-point.ts';
import type { PutRules } from './put-rules.ts';

/**
 * The fast path for bodies of `POST /api/put`: one pass over the bytes that checks and writes
 * lines together. It accepts only what OpenTSDB accepts under any configuration that keeps `rules`;
 * of everything else it says -1, and the slow path decides. Functions return the index after what
 * they read, or -1.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const SPACE = 0x20;
const EQUALS = 0x3d;
/** Bytes. */
const QUOTES = 2;
const MINUS = 0x2d;
const ZERO = 0x30;
const LETTER_I = 0x69;
const LETTER_M = 0x6d;
const LETTER_T = 0x74;
const LETTER_V = 0x76;

/** The members of a point in the order of its line, which is also the order most collectors send. */
const METRIC = literal('"metric"');
const TIMESTAMP = literal('"timestamp"');
const VALUE = literal('"value"');
const TAGS = literal('"tags"');
const MEMBERS = [METRIC, TIMESTAMP, VALUE, TAGS] as const;

/** For each member of the point at hand, in line order: where its value starts and ends; start 0: not seen. */
const memberSpans = new Int32Array(8);

/** What stays the same while a body is scanned. */
interface Scan {
  readonly body: Buffer;
  /** The index of the bracket that ends the body. */
  readonly last: number;
  readonly tagsMax: number;
  readonly copier: PutCopier;
}

/** Appends the lines of a whole body and returns their number, or appends nothing and returns -1. */
export function scanPutBody(body: Buffer, rules: PutRules, out: LineBuffer): number {
  const last = lastNonSpace(body);
  if (last < 1) return -1;
  // A line is shorter than its JSON.
  const copier = new PutCopier(body, out, body.length);
  const scanned = scanPoints({ body, last, tagsMax: tagsLimit(rules.tagsMax), copier });
  if (scanned > 0) {
    out.length = copier.written;
    out.count += scanned;
  }
  return scanned;
}

/** Where in a body that `scanPutBody` took the points are, without the brackets around them. */
export function pointsOf(body: Buffer): { readonly start: number; readonly end: number } {
  const start = skipSpace(body, 0);
  const last = lastNonSpace(body);
  return body[start] === OPEN_ARRAY ? { start: start + 1, end: last } : { start, end: last + 1 };
}

function scanPoints(scan: Scan): number {
  const { body, last } = scan;
  if (body[last] !== CLOSE_OBJECT && body[last] !== CLOSE_ARRAY) return -1;
  let at = skipSpace(body, 0);
  if (body[last] === CLOSE_OBJECT) return scanPoint(scan, at) === last + 1 ? 1 : -1;
  if (body[at] !== OPEN_ARRAY) return -1;
  at = skipSpace(body, at + 1);
  for (let count = 1; ; count += 1) {
    at = scanPoint(scan, at);
    if (at < 0) return -1;
    at = skipSpace(body, at);
    if (at === last) return count;
    if (body[at] !== COMMA) return -1;
    at = skipSpace(body, at + 1);
  }
}

/** One point; its `{` should be at `start`. */
function scanPoint(scan: Scan, start: number): number {
  if (scan.body[start] !== OPEN_OBJECT) return -1;
  const { copier } = scan;
  const lineStart = copier.written;
  let end = copyOrdered(scan, start + 1);
  if (end < 0) {
    copier.written = lineStart;
    end = copyUnordered(scan, start + 1);
  }
  // So no name is too long either.
  return copier.written - lineStart <= NAME_BYTES_MAX ? end : -1;
}

/** The members of a point, sent in the order of its line, and the `}`. */
function copyOrdered(scan: Scan, start: number): number {
  const { body, copier } = scan;
  let to = copier.written;
  copier.put(to);
  to += 4;
  let at = valueOf(scan, skipSpace(body, start), METRIC);
  if (at < 0) return -1;
  let end = copyQuotedName(scan, at, to);
  to += end - at - QUOTES;
  at = nextValue(scan, end, TIMESTAMP);
  if (at < 0) return -1;
  end = endOfTimestamp(body, at);
  if (end < 0) return -1;
  to = copyWord(copier, at, end, to);
  at = nextValue(scan, end, VALUE);
  if (at < 0) return -1;
  end = endOfValue(body, at);
  if (end < 0) return -1;
  to = copyValue(scan, at, end, to);
  at = nextValue(scan, end, TAGS);
  if (at < 0) return -1;
  at = skipSpace(body, copyTags(scan, at, to));
  return body[at] === CLOSE_OBJECT ? at + 1 : -1;
}

/** The members of a point, sent in any order, and the `}`: finds them first, then writes. */
function copyUnordered(scan: Scan, start: number): number {
  const { copier } = scan;
  const end = findMembers(scan, start);
  if (end < 0) return -1;
  const [metric = 0, metricEnd = 0, time = 0, timeEnd = 0, value = 0, valueEnd = 0] = memberSpans;
  let to = copier.written;
  copier.put(to);
  copier.span(metric + 1, metricEnd - 1, to + 4);
  to += 4 + metricEnd - metric - QUOTES;
  to = copyWord(copier, time, timeEnd, to);
  to = copyValue(scan, value, valueEnd, to);
  return copyTags(scan, memberSpans[6] ?? 0, to) === memberSpans[7] ? end : -1;
}

/** Fills `memberSpans`: each member has to be there once. */
function findMembers(scan: Scan, start: number): number {
  const { body, last } = scan;
  memberSpans.fill(0);
  let at = start;
  for (let seen = 1; ; seen += 1) {
    at = skipSpace(body, at);
    const member = memberAt(body, at);
    if (member < 0 || memberSpans[2 * member] !== 0) return -1;
    const value = valueOf(scan, at, MEMBERS[member] ?? METRIC);
    if (value < 0) return -1;
    const end = endOfMember(body, value, last, member);
    if (end < 0 || end > last) return -1;
    memberSpans[2 * member] = value;
    memberSpans[2 * member + 1] = end;
    at = skipSpace(body, end);
    if (seen === MEMBERS.length) return body[at] === CLOSE_OBJECT ? at + 1 : -1;
    if (body[at] !== COMMA) return -1;
    at += 1;
  }
}

/** The number of the member whose name seems to be at `at`, by its second or third byte. */
function memberAt(body: Buffer, at: number): number {
  if (body[at] !== QUOTE) return -1;
  const first = body[at + 1];
  if (first === LETTER_M) return 0;
  if (first === LETTER_V) return 2;
  if (first !== LETTER_T) return -1;
  return body[at + 2] === LETTER_I ? 1 : 3;
}

function endOfMember(body: Buffer, at: number, last: number, member: number): number {
  if (member === 0) return endOfQuotedName(body, at);
  if (member === 1) return endOfTimestamp(body, at);
  if (member === 2) return endOfValue(body, at);
  // Names hold no `}`: the first one ends the tags, or `copyTags` will not end there.
  let end = at;
  while (end < last && body[end] !== CLOSE_OBJECT) end += 1;
  return end + 1;
}

function endOfQuotedName(body: Buffer, start: number): number {
  if (body[start] !== QUOTE) return -1;
  const end = endOfName(body, start + 1);
  return body[end] === QUOTE && end > start + 1 ? end + 1 : -1;
}

/** A number, or a string that holds one. */
function endOfValue(body: Buffer, start: number): number {
  if (body[start] === QUOTE) {
    const end = endOfNumber(body, start + 1);
    return end > 0 && body[end] === QUOTE ? end + 1 : -1;
  }
  const digits = body[start] === MINUS ? start + 1 : start;
  if (body[digits] === ZERO && isDigit(body[digits + 1] ?? 0)) return -1;
  return endOfNumber(body, start);
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Writes a space and the value at [start, end) without its quotes; returns where what follows it goes. */
function copyValue({ body, copier }: Scan, start: number, end: number, to: number): number {
  return body[start] === QUOTE
    ? copyWord(copier, start + 1, end - 1, to)
    : copyWord(copier, start, end, to);
}

/** Writes a space and [start, end); returns where what follows goes. */
function copyWord(copier: PutCopier, start: number, end: number, to: number): number {
  copier.byte(SPACE, to);
  copier.span(start, end, to + 1);
  return to + 1 + end - start;
}

/** Copies a name without its quotes. */
function copyQuotedName({ body, copier }: Scan, start: number, to: number): number {
  if (body[start] !== QUOTE) return -1;
  const end = copier.name(start + 1, to);
  return body[end] === QUOTE && end > start + 1 ? end + 1 : -1;
}

/** Writes ` key=value` for each tag, and ends the line. At least one more byte follows what it accepts. */
function copyTags(scan: Scan, start: number, target: number): number {
  const { body, last, tagsMax, copier } = scan;
  if (body[start] !== OPEN_OBJECT) return -1;
  let at = start;
  let to = target;
  for (let tag = 0; tag < tagsMax; tag += 1) {
    at = skipSpace(body, at + 1);
    copier.byte(SPACE, to);
    let end = copyQuotedName(scan, at, to + 1);
    const size = end - at - QUOTES;
    if (end < 0 || !copier.addKey(tag, to + 1, size)) return -1;
    to += 1 + size;
    end = skipSpace(body, end);
    if (body[end] !== COLON) return -1;
    copier.byte(EQUALS, to);
    at = skipSpace(body, end + 1);
    end = copyQuotedName(scan, at, to + 1);
    if (end < 0) return -1;
    to += 1 + end - at - QUOTES;
    at = skipSpace(body, end);
    if (body[at] === CLOSE_OBJECT) {
      copier.endLine(to);
      return at < last ? at + 1 : -1;
    }
    if (body[at] !== COMMA) return -1;
  }
  return -1;
}

/** Where the value of the next member starts, which should be `name`; `end` is where the one before ended. */
function nextValue(scan: Scan, end: number, name: Literal): number {
  if (end < 0) return -1;
  const comma = skipSpace(scan.body, end);
  if (scan.body[comma] !== COMMA) return -1;
  return valueOf(scan, skipSpace(scan.body, comma + 1), name);
}

/** Where the value of the member starts whose name, in quotes, should be at `start`. */
function valueOf({ body, copier }: Scan, start: number, name: Literal): number {
  if (!copier.holds(start, name)) return -1;
  const colon = skipSpace(body, start + name.length);
  return body[colon] === COLON ? skipSpace(body, colon + 1) : -1;
}

function skipSpace(body: Buffer, start: number): number {
  let at = start;
  while (isSpace(body[at] ?? 0)) at += 1;
  return at;
}

function lastNonSpace(body: Buffer): number {
  let at = body.length - 1;
  while (at >= 0 && isSpace(body[at] ?? 0)) at -= 1;
  return at;
}

const isSpace = (byte: number): boolean =>
  byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
