import { assert } from '../runtime/errors.ts';
import type { PutPoint } from './put-point.ts';
import type { EchoedPoint } from './put-result.ts';

/*
 * The two forms of a data point in the log, each one UTF-8 line:
 *
 *     put <metric> <timestamp> <value> <k=v> ...
 *     http POST /api/put {"metric":...,"timestamp":N,"value":"...","tags":{...}}
 *
 * The second is for what came by HTTP and has a word that the first can't carry. Timestamps are
 * canonical Java longs, values are texts as sent, tags are in the order sent and distinct.
 */
const HTTP_PREFIX = 'http POST /api/put ';

/** The `put` form, without `\n`. Words that came by telnet always fit: they hold no space or `\n`. */
export function formatTelnetPut({ metric, timestamp, value, tags }: PutPoint): string {
  let line = `put ${metric} ${timestamp} ${value}`;
  for (const [key, tagValue] of tags) line += ` ${key}=${tagValue}`;
  return line;
}

/** The `put` form if it can carry every word unambiguously, else the `http` form; without `\n`. */
export function formatHttpPut(point: PutPoint): string {
  if (fitsTelnet(point)) return formatTelnetPut(point);
  const tags = [...point.tags].map(([key, value]) => `${quote(key)}:${quote(value)}`);
  const metric = quote(point.metric);
  const value = quote(point.value);
  return `${HTTP_PREFIX}{"metric":${metric},"timestamp":${point.timestamp},"value":${value},"tags":{${tags.join(',')}}}`;
}

/** Reads back either form. The line is without its `\n`; anything else is a bug. */
export function parsePutLine(line: string): Required<EchoedPoint> {
  if (line.startsWith(HTTP_PREFIX)) return parseHttpForm(line.slice(HTTP_PREFIX.length));
  const [command, metric, timestamp, value, ...tags] = line.split(' ');
  assert(
    command === 'put' && metric !== undefined && timestamp !== undefined && value !== undefined,
    'a put line has a metric, a timestamp and a value',
  );
  return { metric, timestamp, value, tags: Object.fromEntries(tags.map(splitTag)) };
}

/** What OpenTSDB's `?details` would show of the point of a line. */
export const echoOf = (line: string): EchoedPoint => parsePutLine(line);

function parseHttpForm(json: string): Required<EchoedPoint> {
  // The timestamp is the only bare number and may exceed a JavaScript number: it is read as text.
  const timestamp = /^\{"metric":"(?:[^"\\]|\\.)*","timestamp":(-?\d+),/.exec(json)?.[1];
  const parsed: unknown = JSON.parse(json);
  assert(timestamp !== undefined && isTexts(parsed), 'an http put line is in canonical form');
  return { metric: parsed.metric, timestamp, value: parsed.value, tags: parsed.tags };
}

interface Texts {
  readonly metric: string;
  readonly value: string;
  readonly tags: Readonly<Record<string, string>>;
}

function isTexts(parsed: unknown): parsed is Texts {
  return (
    typeof parsed === 'object' &&
    parsed !== null &&
    'metric' in parsed &&
    typeof parsed.metric === 'string' &&
    'value' in parsed &&
    typeof parsed.value === 'string' &&
    'tags' in parsed &&
    typeof parsed.tags === 'object' &&
    parsed.tags !== null
  );
}

function splitTag(tag: string): [string, string] {
  const at = tag.indexOf('=');
  return [tag.slice(0, at), tag.slice(at + 1)];
}

function fitsTelnet({ metric, value, tags }: PutPoint): boolean {
  if (!isOneWord(metric) || !isOneWord(value)) return false;
  for (const [key, tagValue] of tags) {
    if (!isOneWord(key) || !isOneWord(tagValue ?? '')) return false;
  }
  return true;
}

/** Whether the text has no space, control character, no-break space or `=`. */
function isOneWord(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === 0x3d || (code >= 0x7f && code <= 0xa0)) return false;
  }
  return true;
}

const quote = (text: string | null): string => JSON.stringify(text);
