import { Pool } from 'undici';
import type { PutReply } from './put-answer.ts';
import { PutConnection } from './put-connection.ts';
import { lanesIn } from './via.ts';

export interface PutClientOptions {
  readonly primary: URL;
  readonly requestTimeoutMs: number;
}

/** A TSD that takes longer to say how it is counts as one that doesn't answer. */
const GET_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** HTTP puts to one OpenTSDB, each alone on a connection; and what it says of itself. */
export class PutClient {
  readonly #pool: Pool;
  readonly #options: PutClientOptions;
  readonly #connections = new Set<PutConnection>();
  #isClosed = false;

  constructor(options: PutClientOptions) {
    this.#options = options;
    const timeout = options.requestTimeoutMs;
    this.#pool = new Pool(options.primary.origin, {
      connections: 2,
      pipelining: 1,
      connect: { timeout: Math.min(timeout, CONNECT_TIMEOUT_MS) },
      headersTimeout: timeout,
      bodyTimeout: timeout,
      keepAliveTimeout: 60_000,
    });
  }

  /** Puts a JSON array of points. Never rejects; the body may be reused once it resolves. */
  put(body: Buffer): Promise<PutReply> {
    return this.#post('/api/put?details', body, this.#options.requestTimeoutMs);
  }

  /** Puts points and waits, at most `timeoutMs`, until the TSD says that HBase has them. */
  putSync(body: Buffer, timeoutMs: number): Promise<PutReply> {
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
    this.#isClosed = true;
    for (const connection of this.#connections) connection.close();
    await this.#pool.destroy();
  }

  #post(path: string, body: Buffer, timeoutMs: number): Promise<PutReply> {
    if (this.#isClosed)
      return Promise.resolve({ kind: 'unanswered', reason: 'closed', isLate: false });
    return (this.#free() ?? this.#open()).post(path, body, timeoutMs);
  }

  #closeIdle(): void {
    for (const connection of this.#connections) connection.closeIdle();
  }

  #free(): PutConnection | undefined {
    for (const connection of this.#connections) {
      connection.retire();
      if (connection.isOver) this.#connections.delete(connection);
      else if (connection.isFree) return connection;
    }
    return undefined;
  }

  #open(): PutConnection {
    const { primary, requestTimeoutMs } = this.#options;
    const connection = new PutConnection({
      primary,
      connectTimeoutMs: Math.min(requestTimeoutMs, CONNECT_TIMEOUT_MS),
      // What broke one has mostly broken those that are idle, too, which would tell only at the next put.
      onUnanswered: () => this.#closeIdle(),
    });
    this.#connections.add(connection);
    return connection;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
