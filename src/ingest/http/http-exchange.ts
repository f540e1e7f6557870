import type { IncomingMessage, ServerResponse } from 'node:http';
import { deflateSync, gzip, gzipSync } from 'node:zlib';
import { wrapJsonp } from '../../opentsdb/put-reply.ts';
import type { Admission } from '../admission.ts';
import { type AnswerCoding, acceptedCoding } from './answer-coding.ts';
import type { HttpConnection } from './http-connection.ts';
import { PutExchange } from './put-exchange.ts';

export const JSON_TYPE = 'application/json; charset=UTF-8';
const EMPTY_HEAD = ['Content-Type', JSON_TYPE, 'Content-Length', '0'];

/** How long the rest of an unwanted body is read and thrown away, so that the client sees the answer. */
const LINGER_MS = 1_000;
const SYNC_GZIP_CHARS_MAX = 64 * 1024;

/** Counted against the budgets for each request, so that a pipeline of empty ones is bounded too. */
export const EXCHANGE_BYTES = 2_048;

/** One request that Node has parsed, and its answer. */
export class HttpExchange extends PutExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: HttpConnection;
  /** The callback that JSON answers are wrapped in; checked before it is set. */
  jsonp: string | undefined = undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: HttpConnection,
    admission: Admission,
  ) {
    super(connection, admission);
    this.request = request;
    this.response = response;
    this.connection = connection;
    connection.begin(request);
    response.once('close', () => connection.finish());
  }

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

  #finishCoded(status: number, head: string[], text: string, coding: AnswerCoding): void {
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
