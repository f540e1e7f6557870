import { parsePutLine } from '../../opentsdb/put-line.ts';
import { canonicalTags } from './canonical-tags.ts';

/** What a line of the log is in a segment. */
export interface LineRow {
  /** `put`, `put-json`, `http`, or the kind of a control line. */
  readonly kind: string;
  readonly metric: string | null;
  /** Epoch seconds, or milliseconds when larger than 2^32 - 1. */
  readonly timestamp: number | null;
  readonly value: string | null;
  readonly tags: string | null;
  readonly payload: string | null;
}

const HTTP = 'http ';
const PUT_JSON = 'http POST /api/put ';

/** Undefined for lines that need no row: ticks and cuts. Throws on a line that no writer made. */
export function rowOfLine(line: string): LineRow | undefined {
  if (line.startsWith('put ')) return pointRow(line, 'put', null);
  if (line.startsWith(PUT_JSON)) return pointRow(line, 'put-json', line.slice(PUT_JSON.length));
  if (line.startsWith(HTTP)) return otherRow('http', line.slice(HTTP.length));
  const space = line.indexOf(' ');
  const kind = line.slice(1, space);
  if (line[0] !== '!' || !/^[a-z-]+$/.test(kind))
    throw new Error(`no line of a log: ${start(line)}`);
  return kind === 'tick' || kind === 'cut' ? undefined : otherRow(kind, line.slice(space + 1));
}

function pointRow(line: string, kind: 'put' | 'put-json', json: string | null): LineRow {
  const { metric, timestamp, value, tags } = parsePutLine(line);
  const pairs = Object.entries(tags).map(([key, text]): [string, string] => [key, text ?? '']);
  const isCanonical = /^[1-9]\d{0,14}$/.test(timestamp);
  if (!isCanonical || pairs.length === 0) throw new Error(`no data point: ${start(line)}`);
  const common = { kind, metric, timestamp: Number(timestamp), value, payload: json };
  return { ...common, tags: canonicalTags(pairs) };
}

function otherRow(kind: string, payload: string): LineRow {
  return { kind, metric: null, timestamp: null, value: null, tags: null, payload };
}

function start(line: string): string {
  return line.slice(0, 100);
}
