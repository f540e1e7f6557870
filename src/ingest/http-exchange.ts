import type { IncomingMessage, ServerResponse } from 'node:http';
import { deflateSync, gzip, gzipSync } from 'node:zlib';
import { errorBody, wrapJsonp } from '../opentsdb/put-reply.ts';
import type { Admission } from './admission.ts';
import type { HttpConnection } from './http-connection.ts';

const JSON_TYPE = 'application/json; charset=UTF-8';
const EMPTY_HEAD = ['Content-Type', JSON_TYPE, 'Content-Length', '0'];

/** How long the rest of an unwanted body is read and thrown away, so that the client sees the answer. */
const LINGER_MS = 1_000;
const SYNC_GZIP_CHARS_MAX = 64 * 1024;

/** Counted against the budgets for each request, so that a pipeline of empty ones is bounded too. */
export const EXCHANGE_BYTES = 2_048;

/** One request and its answer, with the bytes that it holds until then. */
export class HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: HttpConnection;
  /** The callback that JSON answers are wrapped in; checked before it is set. */
  jsonp: string | undefined = undefined;
  readonly #admission: Admission;
  #bytes = 0;
  #ended = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: HttpConnection,
    admission: Admission,
  ) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.#admission = admission;
    connection.begin(request);
    response.once('close', () => connection.finish());
  }

  /** Bytes taken from the budgets so far. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Takes bytes from the budgets; they are given back when the exchange ends. */
  tryAcquire(bytes: number): boolean {
    if (!this.#admission.tryAcquire(this.connection.address, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Answers in JSON, or with no body; `retryAfter` in seconds. */
  answer(status: number, body?: string, retryAfter?: number): void {
    const { response } = this;
    this.keepHeadPlain();
    if (body === undefined) {
      response.writeHead(status, EMPTY_HEAD);
      response.end();
      this.end();
      return;
    }
    const text =
      this.jsonp === undefined ? body : (wrapJsonp({ status, body }, this.jsonp).body ?? '');
    const head = ['Content-Type', JSON_TYPE];
    if (retryAfter !== undefined) head.push('Retry-After', String(retryAfter));
    const coding = acceptedCoding(this.request.headers['accept-encoding']);
    if (coding === undefined) this.#finish(status, head, text);
    else this.#finishCoded(status, head, text, coding);
  }

  answerError(status: number, message: string, details?: string): void {
    this.answer(status, errorBody(status, message, details));
  }

  /** A status line and nothing else, as OpenTSDB answers a target that is no path; then the connection ends. */
  answerBare(status: 400): void {
    this.closeAfter();
    this.response.removeHeader('connection');
    this.response.removeHeader('transfer-encoding');
    this.response.writeHead(status);
    this.response.end();
    this.end();
  }

  /** Closes without a reply. */
  hangUp(): void {
    this.response.destroy();
    this.end();
  }

  /** 503 for a state that passes. */
  answerBusy(message: string): void {
    this.answer(503, errorBody(503, message), 1);
  }

  /** A bug on our side, as OpenTSDB would put it. */
  fail(error: unknown): void {
    if (this.response.headersSent) this.response.destroy();
    else this.answerError(500, error instanceof Error ? error.message : String(error));
    this.end();
  }

  /** Lets the connection end with this answer. */
  closeAfter(): void {
    this.response.shouldKeepAlive = false;
  }

  /** OpenTSDB sends no Connection header; ours is sent when the connection is about to close. */
  keepHeadPlain(): void {
    if (this.connection.isEnding) this.response.shouldKeepAlive = false;
    if (this.response.shouldKeepAlive) this.response.removeHeader('connection');
  }

  /** Gives back what is held. Repeated calls do nothing. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#bytes > 0) this.#admission.release(this.connection.address, this.#bytes);
  }

  #finishCoded(status: number, head: string[], text: string, coding: 'gzip' | 'deflate'): void {
    head.push('Content-Encoding', coding);
    if (coding === 'deflate') return this.#finish(status, head, deflateSync(text));
    if (text.length <= SYNC_GZIP_CHARS_MAX) return this.#finish(status, head, gzipSync(text));
    gzip(text, (error, coded) => {
      if (error === null) return this.#finish(status, head, coded);
      return this.#finish(status, head.slice(0, -2), text);
    });
    return undefined;
  }

  #finish(status: number, head: string[], body: string | Buffer): void {
    const { request, response } = this;
    head.push('Content-Length', String(Buffer.byteLength(body)));
    response.writeHead(status, head);
    if (request.complete || response.shouldKeepAlive) {
      response.end(body);
      this.end();
      return;
    }
    // Closing while the client still sends would reset the connection and take the answer with it.
    response.write(body);
    const end = (): void => {
      clearTimeout(timer);
      response.end();
      this.end();
    };
    const timer = setTimeout(end, LINGER_MS);
    request.once('end', end).once('close', end).resume();
  }
}

function acceptedCoding(header: string | string[] | undefined): 'gzip' | 'deflate' | undefined {
  if (typeof header !== 'string') return undefined;
  const codings = header.toLowerCase().split(',');
  const accepts = (name: string): boolean =>
    codings.some((coding) => {
      const [named = '', weight = ''] = coding.split(';');
      return named.trim() === name && !/q=0(?:\.0*)?$/.test(weight.trim());
    });
  if (accepts('gzip')) return 'gzip';
  return accepts('deflate') ? 'deflate' : undefined;
}
