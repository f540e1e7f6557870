import { Pool } from 'undici';
import { readQueryAnswer, type QueriedSeries } from './query-answer.ts';
import { lanesIn } from './via.ts';

export interface QueryClientOptions {
  readonly target: URL;
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
  /** A longer answer counts as refused with status 413. */
  readonly answerBytesMax?: number;
}

/** Points as they are stored, of one metric, without aggregation. */
export interface RawQuery {
  /** Epoch ms, both inclusive; whole seconds below 10^10 ms, since OpenTSDB would take those for seconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly metric: string;
  /** Only series that have exactly these tags; undefined: all of the metric. */
  readonly series: readonly Readonly<Record<string, string>>[] | undefined;
}

export type QueryReply =
  | { readonly kind: 'series'; readonly series: readonly QueriedSeries[] }
  /** The metric, or a tag of a series, has no UID. */
  | { readonly kind: 'unknown name' }
  /** OpenTSDB's error, or an answer that is too large to read. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

/** The last millisecond that a query can reach: OpenTSDB's scan ends after the hour, in seconds of four bytes. */
export const QUERY_MS_MAX = 4_294_965_598_999;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** Smaller numbers, of up to ten digits, are seconds to a query; puts draw the line elsewhere. */
const MS_MIN = 10_000_000_000;
const UNKNOWN_NAME = /No such name for/;

/** Questions to one OpenTSDB, on connections of its own. */
export class QueryClient {
  readonly #pool: Pool;
  readonly #timeoutMs: number;
  readonly #answerBytesMax: number;

  constructor({ target, requestTimeoutMs, connectionsMax, ...limits }: QueryClientOptions) {
    this.#answerBytesMax = limits.answerBytesMax ?? ANSWER_BYTES_MAX;
    this.#timeoutMs = requestTimeoutMs;
    this.#pool = new Pool(target.origin, {
      connections: connectionsMax,
      pipelining: 1,
      connect: { timeout: Math.min(requestTimeoutMs, 5_000) },
      headersTimeout: requestTimeoutMs,
      bodyTimeout: requestTimeoutMs,
    });
  }

  /** Never rejects. */
  async query(query: RawQuery): Promise<QueryReply> {
    const reply = await this.#request('POST', '/api/query?arrays', JSON.stringify(bodyOf(query)));
    if (reply.kind !== 'answer') return reply;
    const { status, text } = reply;
    try {
      if (status === 200) return { kind: 'series', series: readQueryAnswer(text) };
    } catch (error) {
      return { kind: 'unanswered', reason: (error as Error).message };
    }
    const message = messageOf(text);
    if (UNKNOWN_NAME.test(message)) return { kind: 'unknown name' };
    return { kind: 'refused', status, message };
  }

  /**
   * Whether the metric has any point from `fromMs` to `toMs`, epoch ms; an answer that can't be had because of what is
   * there counts as one. Rejects when there is no answer.
   */
  async holdsData(metric: string, fromMs: number, toMs: number): Promise<boolean | 'unknown name'> {
    const within = { fromMs: Math.max(0, fromMs), toMs: Math.min(toMs, QUERY_MS_MAX) };
    if (within.fromMs > within.toMs) return false;
    const query = { aggregator: 'count', downsample: '0all-count', metric };
    const body = JSON.stringify({ ...timesOf(within), queries: [query] });
    const reply = await this.#request('POST', '/api/query?arrays', body);
    if (reply.kind === 'unanswered') throw new Error(reply.reason);
    if (reply.kind === 'refused') return true;
    if (reply.status === 200) return readQueryAnswer(reply.text).length > 0;
    return UNKNOWN_NAME.test(messageOf(reply.text)) ? 'unknown name' : true;
  }

  /** The JSON of a GET; undefined when the answer is no 200 with JSON. Rejects when there is no answer. */
  async get(path: string): Promise<unknown> {
    return (await this.ask(path)).json;
  }

  /** The same, and the lanes of the proxies that it came through. */
  async ask(
    path: string,
  ): Promise<{ readonly json: unknown; readonly through: readonly string[] }> {
    const reply = await this.#request('GET', path, undefined);
    if (reply.kind === 'unanswered') throw new Error(reply.reason);
    if (reply.kind === 'refused') return { json: undefined, through: [] };
    const { status, text, through } = reply;
    return { json: status === 200 ? jsonOf(text) : undefined, through };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #request(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
  ): Promise<
    | {
        readonly kind: 'answer';
        readonly status: number;
        readonly text: string;
        readonly through: readonly string[];
      }
    | Extract<QueryReply, { kind: 'refused' | 'unanswered' }>
  > {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    try {
      const answer = await this.#pool.request({
        method,
        path,
        headers,
        body: body ?? null,
        signal,
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > this.#answerBytesMax) {
          const message = `more than ${this.#answerBytesMax} bytes`;
          return { kind: 'refused', status: 413, message };
        }
        chunks.push(chunk);
      }
      const through = lanesIn(answer.headers['via']);
      const text = Buffer.concat(chunks).toString();
      return { kind: 'answer', status: answer.statusCode, text, through };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { kind: 'unanswered', reason: message === '' ? (code ?? 'no answer') : message };
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function bodyOf({ fromMs, toMs, metric, series }: RawQuery): object {
  const base = { aggregator: 'none', metric };
  const queries = series?.map((tags) => ({
    ...base,
    explicitTags: true,
    filters: Object.entries(tags).map(([tagk, filter]) => ({
      type: 'literal_or',
      tagk,
      filter,
      groupBy: false,
    })),
  })) ?? [base];
  return { ...timesOf({ fromMs, toMs }), msResolution: true, noAnnotations: true, queries };
}

/** The end must lie after the start. */
function timesOf({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): {
  readonly start: number;
  readonly end: number;
} {
  const start = timeOf(fromMs, 1);
  return { start, end: Math.max(timeOf(toMs, 2), start + 1) };
}

function timeOf(ms: number, least: number): number {
  return ms < MS_MIN ? Math.max(least, Math.floor(ms / 1_000)) : ms;
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; details?: unknown } };
    const words = [error?.message, error?.details].filter((word) => typeof word === 'string');
    if (words.length > 0) return words.join(': ').slice(0, 500);
  } catch {
    // HTML, or nothing: shown as it is.
  }
  return text.slice(0, 200);
}
