import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Peer, peerOf } from '../peer.ts';
import type { Turns } from './turns.ts';

const NOTHING = (): void => undefined;
/** Requests under way on one connection: with more it is not read until half of them are answered, and its turn has come. */
const OPEN_MAX = 100;
export const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/** What requests of one HTTP connection share. */
export class HttpConnection implements Peer {
  readonly address: string;
  readonly source: string;
  /** The connection ends when all that was asked is answered. */
  closing = false;
  readonly #socket: Socket;
  readonly #turns: Turns;
  #open = 0;
  #broken = false;
  #isCrowded = false;
  /** The request whose head was read last. */
  #latest: IncomingMessage | undefined = undefined;
  /** 1 when the latest request broke off in its body and will never be answered. */
  #dangling = 0;
  #turn: Promise<void> | undefined = undefined;

  /** `turns` is shared by all connections: pipelines of many would else be read all at once. */
  constructor(socket: Socket, turns: Turns) {
    const { address, source } = peerOf(socket);
    this.address = address;
    this.source = source;
    this.#socket = socket;
    this.#turns = turns;
  }

  /** Whether the answer that is due is the last: with it Node would end the connection, and drop those after it. */
  get isEnding(): boolean {
    return this.closing && this.#open === 1;
  }

  /** To be called once the HTTP server has the socket: its own listeners must come first. */
  run(): void {
    // Node would tell the answer under way that it is the last, but forgets it when the head is written.
    this.#socket.once('end', () => (this.closing = true));
    // Whoever begins to read a body resumes the socket.
    this.#socket.on('resume', () => {
      if (this.#isCrowded) this.#socket.pause();
    });
  }

  begin(request: IncomingMessage): void {
    this.#latest = request;
    this.#open += 1;
    if (this.#open < OPEN_MAX || this.#isCrowded) return;
    // Else one client's pipeline keeps the process busy for seconds before anyone else is read.
    this.#isCrowded = true;
    this.#socket.pause();
  }

  /** The last byte of an answer was handed over, or its client is gone. */
  finish(): void {
    this.#open -= 1;
    if (this.#isCrowded && this.#open === OPEN_MAX / 2) this.#turns.wait(this.#resume);
    if ((this.#broken || this.closing) && this.#open <= this.#dangling) {
      this.#socket.destroySoon();
    }
  }

  readonly #resume = (): void => {
    this.#isCrowded = false;
    this.#socket.resume();
  };

  /** Nothing has moved for long: fine while the client waits for us, but it may neither stop sending nor stop reading. */
  stall(): void {
    const dangling = this.#latest?.complete === false ? 1 : 0;
    if (this.#socket.writableLength > 0) this.#socket.destroy();
    else if (this.#open > dangling) return;
    else if (dangling === 1) this.breakOff(TIMED_OUT);
    // The head of a first request has a time-out of its own.
    else if (this.#latest !== undefined) this.#socket.destroy();
  }

  /** What came last can't be read, or does not come: the connection ends, with these bytes, once all before it is answered. */
  breakOff(reply: string): void {
    this.#dangling = this.#latest?.complete === false ? 1 : 0;
    if (this.#open > this.#dangling) {
      this.#broken = true;
      return;
    }
    if (reply === '' || !this.#socket.writable) this.#socket.destroy();
    else this.#socket.end(reply, 'latin1', () => this.#socket.destroy());
  }

  /**
   * Runs `action` with what `decode` gives, both after those of earlier requests: at once, unless a body of this connection
   * is still being inflated. What waits is as small as it came.
   */
  async inTurn<T extends object>(
    decode: () => T | Promise<T>,
    action: (value: T) => void,
  ): Promise<void> {
    const before = this.#turn;
    const early = before === undefined ? decode() : undefined;
    if (early !== undefined && !(early instanceof Promise)) return action(early);
    let done = NOTHING;
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#turn = mine;
    try {
      await before;
      action(await (early ?? decode()));
    } finally {
      if (this.#turn === mine) this.#turn = undefined;
      done();
    }
    return undefined;
  }
}
