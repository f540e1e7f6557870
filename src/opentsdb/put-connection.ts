import { connect, type Socket } from 'node:net';
import { AnswerReader, type HttpAnswer } from './answer-reader.ts';
import { type PutReply, readPutAnswer } from './put-answer.ts';

export interface PutConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

const READ_BYTES = 64 * 1024;
/** What all connections read into: it is used up, or copied, before anything else is read. */
const memory = Buffer.allocUnsafeSlow(READ_BYTES);
/** One that was idle for longer may have been forgotten on its way. */
const IDLE_MS_MAX = 60_000;
const NOTHING = (): void => undefined;

/**
 * One connection to an OpenTSDB, for one put at a time: OpenTSDB answers pipelined requests out of order. Between the log and the
 * client's answer nothing else counts as much: a general HTTP client took a third of all CPU at one point a request.
 */
export class PutConnection {
  readonly #host: string;
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #settle: ((reply: PutReply) => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #idleSinceMs = 0;
  #isOver = false;

  constructor({ host, port, connectTimeoutMs }: PutConnectionOptions) {
    this.#host = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const callback = (length: number): boolean => {
      this.#received(memory.subarray(0, length));
      return true;
    };
    const onread = { buffer: memory, callback };
    const socket = (this.#socket = connect({ host, port, noDelay: true, onread }));
    const giveUp = (): void => this.#end(`no connection within ${connectTimeoutMs} ms`);
    const connecting = setTimeout(giveUp, connectTimeoutMs);
    socket.once('connect', () => clearTimeout(connecting));
    socket.once('close', () => {
      clearTimeout(connecting);
      this.#end('it closed the connection');
    });
    socket.once('end', () => this.#ended());
    socket.on('error', ({ message, code }: NodeJS.ErrnoException) =>
      this.#end(message === '' ? (code ?? 'no connection') : message),
    );
  }

  /** No more can be put on it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether another put may be sent now. */
  get isFree(): boolean {
    return !this.#isOver && this.#settle === undefined;
  }

  /** Ends one that has been idle for so long that it may be none any more. */
  retire(): void {
    if (this.isFree && performance.now() - this.#idleSinceMs > IDLE_MS_MAX) this.#end('idle');
  }

  /** Sends a put; call while it is free. Never rejects; the body may be reused once it resolves. */
  post(path: string, body: Buffer, timeoutMs: number): Promise<PutReply> {
    const socket = this.#socket;
    socket.cork();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
      'latin1',
    );
    socket.write(body);
    socket.uncork();
    return new Promise((settle) => {
      this.#settle = settle;
      const giveUp = (): void => this.#end(`no answer within ${timeoutMs} ms`, true);
      this.#deadline = setTimeout(giveUp, timeoutMs);
    });
  }

  /** Nothing of a put that is under way is sent any more. */
  close(): void {
    this.#end('closed');
  }

  #received(bytes: Buffer): void {
    if (this.#settle === undefined) return this.#end('it answers what it was not asked');
    try {
      const answer = this.#reader.read(bytes);
      if (answer !== undefined) this.#answer(answer);
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  #ended(): void {
    const answer = this.#reader.end();
    if (answer === undefined) this.#end('it closed the connection');
    else this.#answer(answer);
  }

  #answer({ status, body, isLast }: HttpAnswer): void {
    const settle = this.#settle ?? NOTHING;
    this.#settle = undefined;
    clearTimeout(this.#deadline);
    this.#idleSinceMs = performance.now();
    // An answer to a part of the body, as 413 is: the rest must not be taken for a request.
    if (isLast || this.#socket.writableLength > 0) this.#end('it was the last answer');
    settle(readPutAnswer(status, body));
  }

  #end(reason: string, isLate = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#socket.destroy();
    this.#settle?.({ kind: 'unanswered', reason, isLate });
    this.#settle = undefined;
  }
}
