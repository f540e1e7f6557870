import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'undici';
import { viaWith } from './via.ts';

/** Headers that belong to one connection and are not passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
]);

const LIMITS = { connectionsMax: 64, connectTimeoutMs: 5_000, silenceTimeoutMs: 120_000 } as const;

export type ForwardOutcome =
  /** The client has the whole answer, or hung up. */
  | { readonly kind: 'answered' }
  /** The answer broke off after its head was sent; the connection to the client is closed. */
  | { readonly kind: 'cut' }
  /** Nothing was sent to the client yet. `delivered`: the primary may have acted on the request. */
  | { readonly kind: 'failed'; readonly delivered: boolean; readonly cause: Error };

export interface ForwardLimits {
  /** Connections to the primary; more requests wait for one. */
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  /** For the head of the answer, and between two pieces of its body. */
  readonly silenceTimeoutMs: number;
}

/** Passes single HTTP requests on to an OpenTSDB and streams its answers back. */
export class HttpForwarder {
  readonly #pool: Pool;
  readonly #silenceTimeoutMs: number;
  readonly #lane: () => string;

  /** `lane`: the one that the proxy writes now, by which it names itself in what it passes on. */
  constructor(primary: URL, lane: () => string, limits: ForwardLimits = LIMITS) {
    this.#lane = lane;
    this.#silenceTimeoutMs = limits.silenceTimeoutMs;
    this.#pool = new Pool(primary.origin, {
      connections: limits.connectionsMax,
      pipelining: 1,
      connect: { timeout: limits.connectTimeoutMs },
      headersTimeout: limits.silenceTimeoutMs,
      bodyTimeout: limits.silenceTimeoutMs,
    });
  }

  /** `body` stands for the client's body when that was read already. Never rejects. */
  async forward(
    request: IncomingMessage,
    response: ServerResponse,
    body?: Buffer,
  ): Promise<ForwardOutcome> {
    const abort = new AbortController();
    const hungUp = (): void => {
      if (!response.writableFinished) abort.abort();
    };
    response.once('close', hungUp);
    // Few who ask and end still wait, and a query that nobody waits for would keep its connection.
    request.socket.once('end', hungUp);
    try {
      const answer = await this.#pool.request({
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: this.#passed(request.headers, request.httpVersion),
        body: body ?? requestBody(request),
        signal: abort.signal,
      });
      response.writeHead(answer.statusCode, this.#passed(answer.headers, '1.1'));
      // A client that takes nothing would keep a connection to the primary for itself.
      response.setTimeout(this.#silenceTimeoutMs, () => response.destroy());
      await pipeline(answer.body, response);
      return { kind: 'answered' };
    } catch (error) {
      if (abort.signal.aborted) return { kind: 'answered' };
      if (response.headersSent) {
        response.destroy();
        return { kind: 'cut' };
      }
      const cause = error instanceof Error ? error : new Error(String(error));
      return { kind: 'failed', delivered: !neverConnected(cause), cause };
    } finally {
      response.off('close', hungUp);
      request.socket.off('end', hungUp);
    }
  }

  #passed(headers: IncomingHttpHeaders, httpVersion: string): Record<string, string | string[]> {
    const via = viaWith(headers['via'], httpVersion, this.#lane());
    return { ...endToEndHeaders(headers), via };
  }

  /** Answers what is under way, and takes no more. */
  async retire(): Promise<void> {
    await this.#pool.close();
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function endToEndHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = headers.connection?.toLowerCase().split(/\s*,\s*/) ?? [];
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.includes(name)) passed[name] = value;
  }
  return passed;
}

function requestBody(request: IncomingMessage): Readable | null {
  const { headers } = request;
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return hasBody ? request : null;
}

function neverConnected(cause: Error): boolean {
  const code: unknown = 'code' in cause ? cause.code : undefined;
  return ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENOTFOUND'].includes(
    String(code),
  );
}
