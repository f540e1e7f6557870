import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type Json, JsonNumber, parseJson } from '../../kit/exact-json.ts';

/** What is sent; see `encodeRequest`. */
export interface HttpRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | null;
  readonly bodyB64?: string;
  /** The whole request, instead of all the others. */
  readonly raw?: string;
  readonly rawB64?: string;
  readonly version?: string;
  readonly encode?: 'gzip' | 'deflate' | 'gzip-no-trailer';
  /** The size of the chunks in which the body is sent. */
  readonly chunked?: number;
  /** The head first, then a pause, then the body. */
  readonly split?: boolean;
  /** The body is padded with spaces to this many bytes. */
  readonly pad?: number;
  readonly charset?: 'latin-1' | 'utf-8';
}

export interface TelnetRequest {
  readonly lines?: readonly string[];
  readonly rawB64?: readonly string[];
  /** Seconds between two lines. */
  readonly pause?: number;
  /** Seconds of silence that end the reply when there is no sentinel. */
  readonly idle?: number;
  readonly charset?: 'latin-1' | 'utf-8';
  /** An unknown command is sent last, and its reply ends the reply; true unless said. */
  readonly sentinel?: boolean;
}

export interface HttpExpectation {
  readonly status: number;
  /** null: the header must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly bodyJson?: Json;
  readonly bodyText?: string;
  readonly bodyRegex?: string;
  readonly empty?: boolean;
}

export interface Stored {
  readonly query: string;
  /** The series, sorted by metric and tags. */
  readonly expect?: Json;
  /** Instead: the answer's status; 400 says that the metric is unknown, so nothing was stored. */
  readonly status?: number;
}

interface CaseBase {
  readonly id: string;
  readonly needs?: readonly string[];
  /** Cases of one chain run in their order. */
  readonly chain?: string;
  readonly setup?: readonly HttpRequest[];
  readonly stored?: Stored | readonly Stored[];
}

export interface HttpCase extends CaseBase {
  readonly protocol: 'http';
  /** A list is pipelined on one connection. */
  readonly request: HttpRequest | readonly HttpRequest[];
  readonly expect: HttpExpectation & {
    readonly responses?: readonly HttpExpectation[];
    readonly noResponse?: boolean;
    readonly closed?: boolean;
  };
}

export interface TelnetCase extends CaseBase {
  readonly protocol: 'telnet';
  readonly request: TelnetRequest;
  readonly expect: {
    readonly reply?: string;
    readonly replyRegex?: string;
    readonly closed?: boolean;
  };
}

export type ConformanceCase = HttpCase | TelnetCase;

/** Exact numbers matter in the bodies only. */
const EXACT = /^(?:expect(?:\.responses\.\d+)?\.bodyJson|stored(?:\.\d+)?\.expect)$/;

/** The recorded cases of a file beside this one, one a line. */
export function loadCases(file: 'cases.jsonl' | 'cases-full.jsonl'): readonly ConformanceCase[] {
  return readFileSync(join(import.meta.dirname, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => plain(parseJson(line), '') as ConformanceCase);
}

function plain(value: Json, path: string): unknown {
  if (EXACT.test(path)) return value;
  const below = (key: string | number): string => (path === '' ? `${key}` : `${path}.${key}`);
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map((item: Json, index) => plain(item, below(index)));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plain(item, below(key))]),
  );
}
