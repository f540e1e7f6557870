import { Pool } from 'undici';
import type { PutReply } from './put-answer.ts';
import { readPutAnswer } from './put-answer.ts';

export interface PutClientOptions {
  readonly primary: URL;
  readonly requestTimeoutMs: number;
}

/**
 * HTTP puts to one OpenTSDB, on connections of its own. Never more than one request is on a connection:
 * OpenTSDB answers pipelined requests out of order.
 */
export class PutClient {
  readonly #pool: Pool;
  readonly #options: PutClientOptions;

  constructor(options: PutClientOptions) {
    this.#options = options;
    const timeout = options.requestTimeoutMs;
    this.#pool = new Pool(options.primary.origin, {
      connections: 3,
      pipelining: 1,
      connect: { timeout: Math.min(timeout, 5_000) },
      headersTimeout: timeout,
      bodyTimeout: timeout,
      keepAliveTimeout: 60_000,
    });
  }

  /** Puts a JSON array of points. Never rejects; the body may be reused once it resolves. */
  async put(body: Buffer): Promise<PutReply> {
    return this.#post('/api/put?details', body, this.#options.requestTimeoutMs);
  }

  /** Puts points and waits, at most `timeoutMs`, until the TSD says that HBase has them. */
  async putSync(body: Buffer, timeoutMs: number): Promise<PutReply> {
    const path = `/api/put?sync&details&sync_timeout=${timeoutMs}`;
    return this.#post(path, body, timeoutMs + 2_000);
  }

  /** The JSON of a GET; undefined when the answer is no 200 with JSON. Rejects when there is no answer. */
  async get(path: string): Promise<unknown> {
    const signal = AbortSignal.timeout(this.#options.requestTimeoutMs);
    const { statusCode, body } = await this.#pool.request({ method: 'GET', path, signal });
    const text = await body.text();
    if (statusCode !== 200) return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #post(path: string, body: Buffer, timeoutMs: number): Promise<PutReply> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path,
        body,
        headers: { 'content-type': 'application/json' },
        headersTimeout: timeoutMs,
        signal,
      });
      return readPutAnswer(response.statusCode, await response.body.text());
    } catch (error) {
      const isLate = signal.aborted || LATE.has((error as NodeJS.ErrnoException).code);
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : describe(error);
      return { kind: 'unanswered', reason, isLate };
    }
  }
}

const LATE: ReadonlySet<unknown> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message === '' ? (code ?? 'no answer') : message;
}
