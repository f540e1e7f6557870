import type { LineBuffer } from '../record/line-buffer.ts';
import { parseLong, parsePutValue } from './java-number.ts';
import { formatTags } from './java-tags.ts';
import { endOfNumber, endOfTimestamp } from './number-bytes.ts';
import { literal, PutCopier, tagsLimit } from './put-copier.ts';
import { formatTelnetPut } from './put-line.ts';
import { checkPoint, NAME_BYTES_MAX, hasOverlongName } from './put-point.ts';
import type { PutRules } from './put-rules.ts';

const PUT = literal('put ');
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const EQUALS = 0x3d;

/**
 * Reads the complete lines in chunk[0, end), of which the last byte is a `\n`, in order: appends the
 * canonical line of each `put` that OpenTSDB certainly accepts, and hands every other line to `other`,
 * decoded from ISO-8859-1 and without its line end. `other` may append to `out`.
 */
// oxlint-disable-next-line max-params -- once per chunk, and an options object would say no more.
export function scanTelnet(
  chunk: Buffer,
  end: number,
  rules: PutRules,
  out: LineBuffer,
  other: (line: string) => void,
): void {
  const tagsMax = tagsLimit(rules.tagsMax);
  // A line grows by no byte.
  const copier = new PutCopier(chunk, out, end);
  let at = 0;
  while (at < end) {
    const lineStart = copier.written;
    const next = scanLine(copier, at, tagsMax);
    // A line that is no longer holds no name that is too long.
    if (next > 0 && copier.written - lineStart <= NAME_BYTES_MAX) {
      out.length = copier.written;
      out.count += 1;
      at = next;
    } else {
      const newline = chunk.indexOf(NEWLINE, at);
      const crlf = newline > at && chunk[newline - 1] === CARRIAGE_RETURN;
      other(chunk.toString('latin1', at, crlf ? newline - 1 : newline));
      at = newline + 1;
      copier.resume(out, end - at);
    }
  }
}

/** One line of the shape `put metric timestamp value key=value ...`: the index after its `\n`, or -1. */
function scanLine(copier: PutCopier, start: number, tagsMax: number): number {
  const { from, written } = copier;
  if (!copier.holds(start, PUT)) return -1;
  copier.put(written);
  // Up to its tags a line is copied as it is.
  const shift = written - start;
  const metric = start + 4;
  let at = copier.name(metric, metric + shift);
  if (at === metric || from[at] !== SPACE) return -1;
  const numbers = at;
  at = endOfTimestamp(from, at + 1);
  if (at < 0 || from[at] !== SPACE) return -1;
  at = endOfNumber(from, at + 1);
  if (at < 0 || from[at] !== SPACE) return -1;
  copier.span(numbers, at, numbers + shift);
  return copyTags(copier, at, at + shift, tagsMax);
}

/** The tags from the space before them on, and the line's end. Any number of spaces may be around them. */
function copyTags(copier: PutCopier, start: number, target: number, tagsMax: number): number {
  const { from } = copier;
  let at = start;
  let to = target;
  for (let tag = 0; ; tag += 1) {
    while (from[at] === SPACE) at += 1;
    const byte = from[at];
    if (byte === NEWLINE || byte === CARRIAGE_RETURN) {
      if (tag === 0) return -1;
      if (byte === CARRIAGE_RETURN) at += 1;
      if (from[at] !== NEWLINE) return -1;
      copier.endLine(to);
      return at + 1;
    }
    if (tag === tagsMax) return -1;
    copier.byte(SPACE, to);
    to += 1;
    const equals = copier.name(at, to);
    const size = equals - at;
    if (size === 0 || from[equals] !== EQUALS || !copier.addKey(tag, to, size)) return -1;
    to += size;
    copier.byte(EQUALS, to);
    to += 1;
    at = copier.name(equals + 1, to);
    if (at === equals + 1) return -1;
    to += at - equals - 1;
    const after = from[at];
    if (after !== SPACE && after !== NEWLINE && after !== CARRIAGE_RETURN) return -1;
  }
}

export type TelnetPut =
  /** `line` is canonical, without `\n`. */
  | { readonly kind: 'point'; readonly line: string }
  /** What OpenTSDB would reply, without `\n`. */
  | { readonly kind: 'error'; readonly reply: string };

/** Reads any `put` line, decoded from ISO-8859-1 and without its line end, by the rules of opentsdb-write-api 1.4. */
export function parseTelnetPut(line: string, rules: PutRules): TelnetPut {
  const [, ...words] = line.split(' ');
  const [metric = '', timestampText = '', valueText = '', ...tagWords] = words;
  if (words.length < 4) return illegal(`not enough arguments (need least 4, got ${words.length})`);
  if (metric === '') return illegal('empty metric name');
  const timestamp = parseLong(timestampText.replaceAll('.', ''));
  if (timestamp.kind === 'invalid') return refused(`invalid value: ${timestamp.message}`);
  if (timestamp.value <= 0n) return illegal(`invalid timestamp: ${timestamp.value}`);
  if (valueText === '') return illegal('empty value');
  const tags = new Map<string, string>();
  for (const word of tagWords) {
    const error = word === '' ? undefined : addTag(tags, word);
    if (error !== undefined) return illegal(error);
  }
  const value = parsePutValue(valueText);
  if (value.kind === 'invalid') return refused(`invalid value: ${value.message}`);
  const point = { metric, timestamp: timestamp.value, value: valueText, tags };
  const error = checkPoint(point, value, 'telnet', rules);
  if (error !== undefined) return illegal(error);
  // OpenTSDB composes this reply, then drops it, and the point is lost in silence.
  if (hasOverlongName(point)) return refused('Unexpected runtime exception: Should never be here');
  return { kind: 'point', line: formatTelnetPut(point) };
}

/** `Tags.parse`: adds the tag of a word, or says what is wrong with it. */
function addTag(tags: Map<string, string>, word: string): string | undefined {
  const [key, value, ...rest] = word.split('=');
  if (!key || !value || rest.length > 0) return `invalid tag: ${word}`;
  const known = tags.get(key);
  if (known === value) return undefined;
  if (known !== undefined) return `duplicate tag: ${word}, tags=${formatTags(tags)}`;
  tags.set(key, value);
  return undefined;
}

const illegal = (what: string): TelnetPut => refused(`illegal argument: ${what}`);

function refused(what: string): TelnetPut {
  return { kind: 'error', reply: `put: ${what}` };
}
