import { Socket } from 'node:net';

const READ_BYTES = 64 * 1024;

/** Uses up, or copies, the bytes before it returns. */
export type Receive = (bytes: Buffer) => void;

/**
 * Sockets that read into one piece of memory, one after the other. Node allocates 64 KiB for each read otherwise, and
 * frees it at some later collection: tens of MiB of garbage at full load.
 *
 * Node offers this for sockets that connect, not for those that a server accepts. So the handle of an accepted socket
 * gets a new socket; the server must have `pauseOnConnect`, so that nothing was read by then.
 */
export class SharedReads {
  readonly #memory = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #receivers = new WeakMap<Socket, Receive>();

  /** The socket to use in place of the accepted one. */
  adopt(accepted: Socket): Socket {
    const handle: unknown = Reflect.get(accepted, '_handle');
    // It is closed already, and will say so.
    if (handle === null) return accepted;
    Reflect.set(accepted, '_handle', null);
    accepted.destroy();
    const callback = (bytes: number): boolean => this.#received(socket, bytes);
    const onread = { buffer: this.#memory, callback };
    const options = { handle, allowHalfOpen: true, onread };
    const socket = new Socket(options);
    return socket;
  }

  /** What is read from here on goes there; undefined: to the socket's own stream. */
  direct(socket: Socket, receive: Receive | undefined): void {
    if (receive === undefined) this.#receivers.delete(socket);
    else this.#receivers.set(socket, receive);
  }

  /** False: nothing more is to be read until the stream asks for it. */
  #received(socket: Socket, length: number): boolean {
    const bytes = this.#memory.subarray(0, length);
    const receive = this.#receivers.get(socket);
    if (receive === undefined) return socket.push(Buffer.from(bytes));
    receive(bytes);
    return true;
  }
}
