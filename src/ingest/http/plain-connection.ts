import type { Socket } from 'node:net';
import { systemClock } from '../../runtime/clock.ts';
import type { Admission } from '../admission.ts';
import { TIMED_OUT } from './http-connection.ts';
import { EXCHANGE_BYTES } from './http-exchange.ts';
import type { PutHandler } from './http-put.ts';
import { PlainExchange } from './plain-exchange.ts';
import { type Peer, peerOf } from '../peer.ts';
import type { PutHead, PutHeads } from './put-head.ts';
import type { SpareBuffers } from '../spare-buffers.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const NO_BYTES = Buffer.alloc(0);
/** A body that takes longer is left to Node's own time-outs. */
const BODY_MS_MAX = 10_000;

/** What the plain connections of a front door share. */
export interface PlainContext {
  readonly admission: Admission;
  readonly heads: PutHeads;
  readonly puts: PutHandler;
  readonly spare: SpareBuffers;
  readonly bodyBytesMax: number;
  /** Without a byte for so long an idle connection ends; 0: never. */
  readonly idleTimeoutMs: number;
  /** The same in the middle of a body, or while an answer is not taken. */
  readonly stallMs: number;
  /** The connection goes on as any other; `bytes` were read and not used up. */
  handOver(socket: Socket, bytes: Buffer): void;
}

/** A request of which not all was read. */
interface Partial {
  readonly exchange: PlainExchange;
  readonly head: PutHead;
  /** What was read of the request is in front. */
  readonly memory: Buffer;
  readonly bodyStart: number;
  /** Of the whole request. */
  readonly size: number;
  readonly begunMs: number;
  length: number;
}

/**
 * A connection on which nothing but plain puts came so far, each after the answer to the one before: they are read
 * from the bytes, without Node's HTTP, which costs three times as much. At the first request that is anything else, or
 * comes earlier, or finds no room, the connection is handed over to Node's HTTP for good, at a moment when nothing is
 * under way: what is unusual is decided there.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #context: PlainContext;
  /** Submitted, and not answered. */
  #underWay: PlainExchange | undefined;
  #partial: Partial | undefined;
  /** Came before the answer to what is under way. */
  #early = NO_BYTES;
  /** The connection ends with the answer to what is under way. */
  #isClosing = false;
  #isOver = false;
  #idleMs = 0;

  constructor(socket: Socket, context: PlainContext) {
    this.#socket = socket;
    this.#peer = peerOf(socket);
    this.#context = context;
  }

  run(): void {
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onClose);
    this.#socket.on('timeout', this.#onTimeout);
    this.#socket.on('drain', this.#onDrain);
    this.#socket.setTimeout(this.#context.stallMs);
  }

  /** The bytes are used up, or copied, when it returns. */
  receive(bytes: Buffer): void {
    this.#idleMs = 0;
    if (this.#isClosing || this.#isOver) return;
    if (this.#underWay !== undefined) this.#keep(bytes);
    else if (this.#partial !== undefined) this.#continue(this.#partial, bytes);
    else this.#begin(bytes);
  }

  /** Reads no further request, and ends with the answer to what was asked. */
  stop(): void {
    if (this.#underWay !== undefined) this.#isClosing = true;
    else if (this.#partial !== undefined) this.#handOver(NO_BYTES);
    else this.#socket.destroy();
  }

  /** Sends the answer to what is under way. */
  answer(head: string, body?: Buffer): void {
    this.#underWay = undefined;
    if (this.#isOver) return;
    const text = `${head}${this.#isClosing ? 'Connection: close\r\n' : ''}\r\n`;
    const isTaken =
      body === undefined
        ? this.#socket.write(text, 'latin1')
        : this.#socket.write(Buffer.concat([Buffer.from(text, 'latin1'), body]));
    if (this.#isClosing) this.#socket.destroySoon();
    else if (this.#early.length > 0) this.#handOver(NO_BYTES);
    // Who doesn't take answers is not read.
    else if (!isTaken) this.#socket.pause();
  }

  #begin(bytes: Buffer): void {
    const { heads, spare, bodyBytesMax, admission } = this.#context;
    const bodyStart = bytes.indexOf(HEAD_END) + HEAD_END.length;
    if (bodyStart < HEAD_END.length) return this.#handOver(bytes);
    const head = heads.read(bytes.toString('latin1', 0, bodyStart));
    if (head.kind === 'other' || head.length > bodyBytesMax) return this.#handOver(bytes);
    const size = bodyStart + head.length;
    if (bytes.length > size) return this.#handOver(bytes);
    const exchange = new PlainExchange(this, this.#peer, admission, head.acceptEncoding);
    if (!exchange.tryAcquire(head.length + EXCHANGE_BYTES)) return this.#handOver(bytes);
    if (bytes.length === size) return this.#take(exchange, head, bytes.subarray(bodyStart));
    const memory = spare.take(size);
    const length = bytes.copy(memory);
    const begunMs = systemClock.monotonicMs();
    this.#partial = { exchange, head, memory, bodyStart, size, begunMs, length };
    return undefined;
  }

  #continue(partial: Partial, bytes: Buffer): void {
    const { exchange, head, memory, bodyStart, size, begunMs } = partial;
    if (systemClock.monotonicMs() - begunMs > BODY_MS_MAX) return this.#handOver(bytes);
    const copied = bytes.copy(memory, partial.length, 0, size - partial.length);
    partial.length += copied;
    if (partial.length < size) return undefined;
    this.#partial = undefined;
    this.#take(exchange, head, memory.subarray(bodyStart, size));
    this.#context.spare.giveBack(memory);
    if (copied < bytes.length) this.receive(bytes.subarray(copied));
    return undefined;
  }

  #take(exchange: PlainExchange, { query }: PutHead, bytes: Buffer): void {
    this.#underWay = exchange;
    try {
      this.#context.puts.take(exchange, query, { kind: 'body', bytes });
    } catch (error) {
      exchange.fail(error);
    }
  }

  #keep(bytes: Buffer): void {
    this.#early = Buffer.concat([this.#early, bytes]);
    this.#socket.pause();
  }

  #handOver(bytes: Buffer): void {
    const partial = this.#partial;
    const before = partial?.memory.subarray(0, partial.length) ?? NO_BYTES;
    const unused = Buffer.concat([before, this.#early, bytes]);
    this.#onClose();
    this.#socket.off('end', this.#onEnd).off('close', this.#onClose);
    this.#socket.off('timeout', this.#onTimeout).off('drain', this.#onDrain);
    this.#context.handOver(this.#socket, unused);
  }

  readonly #onEnd = (): void => {
    if (this.#underWay === undefined) this.#socket.destroySoon();
    else this.#isClosing = true;
  };

  readonly #onClose = (): void => {
    this.#isOver = true;
    if (this.#partial === undefined) return;
    this.#partial.exchange.end();
    this.#context.spare.giveBack(this.#partial.memory);
    this.#partial = undefined;
  };

  readonly #onDrain = (): void => {
    if (this.#early.length === 0) this.#socket.resume();
  };

  readonly #onTimeout = (): void => {
    const { idleTimeoutMs, stallMs } = this.#context;
    if (this.#socket.writableLength > 0) this.#socket.destroy();
    else if (this.#underWay !== undefined) return;
    else if (this.#partial !== undefined) {
      this.#socket.end(TIMED_OUT, 'latin1', () => this.#socket.destroy());
    } else {
      this.#idleMs += stallMs;
      if (idleTimeoutMs > 0 && this.#idleMs >= idleTimeoutMs) this.#socket.destroy();
      else this.#socket.setTimeout(stallMs);
    }
  };
}
