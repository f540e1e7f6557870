import { type Dispatcher, Pool } from 'undici';
import type { PutReply } from './put-answer.ts';
import { readPutAnswer } from './put-answer.ts';
import { lanesIn } from './via.ts';

export interface PutClientOptions {
  readonly primary: URL;
  readonly requestTimeoutMs: number;
}

/** A TSD that takes longer to say how it is counts as one that doesn't answer. */
const GET_TIMEOUT_MS = 5_000;

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
    return (await this.ask(path)).json;
  }

  /** The same, and the lanes of the proxies that it came through. */
  async ask(
    path: string,
  ): Promise<{ readonly json: unknown; readonly through: readonly string[] }> {
    const signal = AbortSignal.timeout(Math.min(this.#options.requestTimeoutMs, GET_TIMEOUT_MS));
    const { statusCode, headers, body } = await this.#pool.request({ method: 'GET', path, signal });
    const through = lanesIn(headers['via']);
    const text = await body.text();
    return { json: statusCode === 200 ? jsonOf(text) : undefined, through };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #post(path: string, body: Buffer, timeoutMs: number): Promise<PutReply> {
    return new Promise((settle) => {
      const request = { method: 'POST', path, body, headers: JSON_HEADERS } as const;
      this.#pool.dispatch(
        { ...request, headersTimeout: timeoutMs },
        new PutExchange(timeoutMs, settle),
      );
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };

/** One put under way. A handler of undici's own kind: promises and streams for each answer would cost as much again. */
class PutExchange implements Dispatcher.DispatchHandler {
  readonly #settle: (reply: PutReply) => void;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #isLate = false;

  constructor(timeoutMs: number, settle: (reply: PutReply) => void) {
    this.#settle = settle;
    this.#timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => this.#giveUp(), timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its body is no longer ours: nothing of it may be sent.
    if (this.#isLate) this.#giveUp();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const [only] = this.#chunks;
    const bytes = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : only;
    this.#settle(readPutAnswer(this.#status, bytes?.toString('utf8') ?? ''));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    clearTimeout(this.#timer);
    const isLate = this.#isLate || LATE.has((error as NodeJS.ErrnoException).code);
    this.#settle({ kind: 'unanswered', reason: describe(error), isLate });
  }

  #giveUp(): void {
    this.#isLate = true;
    const late = new Error(`no answer within ${this.#timeoutMs} ms`);
    if (this.#controller === undefined) this.onResponseError(undefined, late);
    else this.#controller.abort(late);
  }
}

const LATE: ReadonlySet<unknown> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message === '' ? (code ?? 'no answer') : message;
}
