import { STATUS_CODES } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';
import type { Admission } from '../admission.ts';
import { acceptedCoding } from './answer-coding.ts';
import { JSON_TYPE } from './http-exchange.ts';
import type { Peer } from '../peer.ts';
import { PutExchange } from './put-exchange.ts';

/** Where answers go. */
interface Answering {
  /** `head`: status line and headers, without the empty line. */
  answer(head: string, body?: Buffer): void;
}

const NO_CONTENT = `HTTP/1.1 204 No Content\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: 0\r\n`;

/** A put that was read without Node's HTTP, and its answer, which is the same to the byte. */
export class PlainExchange extends PutExchange {
  readonly #connection: Answering;
  readonly #acceptEncoding: string | undefined;
  #isAnswered = false;

  constructor(
    connection: Answering,
    peer: Peer,
    admission: Admission,
    acceptEncoding: string | undefined,
  ) {
    super(peer, admission);
    this.#connection = connection;
    this.#acceptEncoding = acceptEncoding;
  }

  answer(status: number, body?: string, retryAfter?: number): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.end();
    if (body === undefined) this.#connection.answer(NO_CONTENT);
    else this.#answerJson(status, Buffer.from(body), retryAfter);
  }

  fail(error: unknown): void {
    this.answerError(500, error instanceof Error ? error.message : String(error));
  }

  #answerJson(status: number, text: Buffer, retryAfter: number | undefined): void {
    const coding = acceptedCoding(this.#acceptEncoding);
    const body =
      coding === undefined ? text : coding === 'gzip' ? gzipSync(text) : deflateSync(text);
    const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, `Content-Type: ${JSON_TYPE}`];
    if (retryAfter !== undefined) head.push(`Retry-After: ${retryAfter}`);
    if (coding !== undefined) head.push(`Content-Encoding: ${coding}`);
    head.push(`Content-Length: ${body.length}`, '');
    this.#connection.answer(head.join('\r\n'), body);
  }
}
