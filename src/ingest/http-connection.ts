import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Peer, peerOf } from './peer.ts';

const NOTHING = (): void => undefined;

/** What requests of one HTTP connection share. */
export class HttpConnection implements Peer {
  readonly address: string;
  readonly source: string;
  /** Further answers say that the connection closes. */
  closing = false;
  readonly #socket: Socket;
  #open = 0;
  #broken = false;
  /** The request whose head was read last. */
  #latest: IncomingMessage | undefined = undefined;
  /** 1 when the latest request broke off in its body and will never be answered. */
  #dangling = 0;
  #turn: Promise<void> | undefined = undefined;

  constructor(socket: Socket) {
    const { address, source } = peerOf(socket);
    this.address = address;
    this.source = source;
    this.#socket = socket;
  }

  begin(request: IncomingMessage): void {
    this.#latest = request;
    this.#open += 1;
  }

  /** The last byte of an answer was handed over, or its client is gone. */
  finish(): void {
    this.#open -= 1;
    if ((this.#broken || this.closing) && this.#open <= this.#dangling) {
      this.#socket.destroySoon();
    }
  }

  /** What came last can't be read: the connection ends, with these bytes, once all before it is answered. */
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
   * Runs `action` with the value after those of earlier requests: at once, unless a body of this connection is still
   * being inflated.
   */
  async inTurn<T>(value: T | Promise<T>, action: (value: T) => void): Promise<void> {
    if (this.#turn === undefined && !(value instanceof Promise)) return action(value);
    const before = this.#turn;
    let done = NOTHING;
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#turn = mine;
    try {
      await before;
      action(await value);
    } finally {
      if (this.#turn === mine) this.#turn = undefined;
      done();
    }
    return undefined;
  }
}
