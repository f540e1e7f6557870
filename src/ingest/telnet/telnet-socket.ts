import { once } from 'node:events';
import type { Socket } from 'node:net';

const LIMITS = {
  /** Replies that the client has not taken: it is waited for beyond this. */
  unsentReplyBytesMax: 256 * 1024,
  /** More replies are not gathered for one write. */
  writeChars: 64 * 1024,
  lingerMs: 1_000,
} as const;

/** Why a socket is not read now. */
export type HoldReason = 'admission' | 'log' | 'unanswered' | 'answers' | 'drain';

interface SocketWatch {
  readonly idleTimeoutMs: number;
  readonly isAwaitingUs: () => boolean;
  /** May be called twice. */
  readonly onEnd: () => void;
}

/** A client's socket: read while nothing holds it, written in few large writes, and closed so that the last reply arrives. */
export class TelnetSocket {
  readonly #socket: Socket;
  readonly #holds = new Set<HoldReason>();
  #replies = '';

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Nobody takes replies any more. */
  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  /** Tells when the client sends no more, and closes what is idle: not one who has taken all that was sent and waits for us. */
  watch({ idleTimeoutMs, isAwaitingUs, onEnd }: SocketWatch): void {
    this.#socket.on('end', onEnd);
    this.#socket.on('close', onEnd);
    this.#socket.on('timeout', () => {
      const hasAll = this.#socket.writableLength === 0;
      if (hasAll && isAwaitingUs()) this.#socket.setTimeout(idleTimeoutMs);
      else this.#socket.destroy();
    });
    this.#socket.setTimeout(idleTimeoutMs);
  }

  /** It is not read until each of its reasons is released. */
  hold(reason: HoldReason): void {
    this.#holds.add(reason);
    this.#socket.pause();
  }

  release(reason: HoldReason): void {
    if (this.#holds.delete(reason) && this.#holds.size === 0) this.#socket.resume();
  }

  /** Gathers a reply. Undefined unless there are many: then they are sent, and there is that to wait for. */
  reply(text: string): Promise<void> | undefined {
    this.#replies += text;
    return this.#replies.length > LIMITS.writeChars ? this.send() : undefined;
  }

  /** Sends the gathered replies; waits, and reads nothing more, while the client takes none. */
  async send(): Promise<void> {
    const text = this.#replies;
    this.#replies = '';
    if (text === '' || !this.#socket.writable) return;
    this.#socket.write(Buffer.from(text, 'latin1'));
    if (this.#socket.writableLength <= LIMITS.unsentReplyBytesMax) return;
    this.hold('drain');
    // 'close' ends the wait as well; neither is a fault here.
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    this.#socket.once('close', onClose);
    await once(this.#socket, 'drain', { signal: gone.signal }).catch(() => undefined);
    this.#socket.off('close', onClose);
    this.release('drain');
  }

  /** Closes once what was sent has arrived, or after a while. */
  end(): void {
    if (this.#socket.destroyed) return;
    this.#socket.end();
    // Closing with bytes unread would reset the connection and take the last replies with it.
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), LIMITS.lingerMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.once('end', () => this.#socket.destroySoon());
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }
}
