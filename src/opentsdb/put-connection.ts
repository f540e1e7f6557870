import { connect, type Socket } from 'node:net';
import { endpointOf } from '../runtime/endpoint.ts';
import { AnswerReader, type HttpAnswer } from './answer-reader.ts';
import { type PutReply, readPutAnswer } from './put-answer.ts';

export interface PutConnectionOptions {
  readonly primary: URL;
  readonly connectTimeoutMs: number;
  /** A put was not answered. */
  readonly onUnanswered: () => void;
}

const READ_BYTES = 64 * 1024;
/** What all connections read into: it is used up, or copied, before anything else is read. */
const memory = Buffer.allocUnsafeSlow(READ_BYTES);
/** One that was idle for longer may be about to be closed, or forgotten on its way: five seconds is what many servers wait. */
const IDLE_MS_MAX = 4_000;

/**
 * One connection to an OpenTSDB, for one put at a time: OpenTSDB answers pipelined requests out of order. Between the log and the
 * client's answer nothing else counts as much: a general HTTP client took a quarter of all CPU at one point a request.
 */
export class PutConnection {
  readonly #options: PutConnectionOptions;
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #settle: ((reply: PutReply) => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #idleSinceMs = 0;
  /** It was looked once more whether anything came, or ended, after the last answer. */
  #isQuiet = true;
  #isOver = false;

  constructor(options: PutConnectionOptions) {
    this.#options = options;
    const { primary, connectTimeoutMs } = options;
    const callback = (length: number): boolean => {
      this.#received(memory.subarray(0, length));
      return true;
    };
    const onread = { buffer: memory, callback };
    const socket = (this.#socket = connect({ ...endpointOf(primary), noDelay: true, onread }));
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
    return this.#isIdle && this.#isQuiet;
  }

  /** Ends one that has been idle for so long that it may be none any more. */
  retire(): void {
    if (this.#isIdle && performance.now() - this.#idleSinceMs > IDLE_MS_MAX) this.#end('idle');
  }

  /** Ends it unless a put is under way. */
  closeIdle(): void {
    if (this.#isIdle) this.#end('closed');
  }

  /** Sends a put; call while it is free. Never rejects; the body may be reused once it resolves. */
  post(path: string, body: Buffer, timeoutMs: number): Promise<PutReply> {
    const socket = this.#socket;
    socket.cork();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${this.#options.primary.host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
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

  get #isIdle(): boolean {
    return !this.#isOver && this.#settle === undefined;
  }

  #received(bytes: Buffer): void {
    if (this.#settle === undefined) this.#end('it answers what it was not asked');
    else this.#take(() => this.#reader.read(bytes));
  }

  #ended(): void {
    this.#take(() => this.#reader.end());
    this.#end('it closed the connection');
  }

  #take(read: () => HttpAnswer | undefined): void {
    try {
      const answer = read();
      if (answer === undefined) return;
      const reply = readPutAnswer(answer.status, answer.body);
      // An answer to a part of the body, as 413 is: the rest must not be taken for a request.
      const isLast = answer.isLast || this.#socket.writableLength > 0;
      this.#answer(reply, isLast);
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
  }

  #answer(reply: PutReply, isLast: boolean): void {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#deadline);
    this.#idleSinceMs = performance.now();
    if (isLast) this.#end('it was the last answer');
    else this.#lookOnce();
    settle?.(reply);
  }

  /** What was sent after the answer, or that the connection ended with it, is not known before all that came was read. */
  #lookOnce(): void {
    this.#isQuiet = false;
    setImmediate(() => (this.#isQuiet = true));
  }

  #end(reason: string, isLate = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#socket.destroy();
    const settle = this.#settle;
    if (settle === undefined) return;
    this.#settle = undefined;
    this.#options.onUnanswered();
    settle({ kind: 'unanswered', reason, isLate });
  }
}
