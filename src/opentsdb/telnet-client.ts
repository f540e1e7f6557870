import { connect, type Socket } from 'node:net';
import { type Endpoint, endpointOf } from '../runtime/endpoint.ts';

/** What a TSD said to a batch of telnet puts, up to the reply to the `version` after them. */
export type TelnetReply =
  /** Every line was handled; these error lines came, in the order of their lines. */
  | { readonly kind: 'handled'; readonly errors: readonly string[] }
  /** HBase trouble, of this batch or of any before it. */
  | { readonly kind: 'storage'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

interface Outstanding {
  readonly errors: string[];
  storage?: string;
  readonly settle: (reply: TelnetReply) => void;
}

const VERSION = Buffer.from('version\n');
/** The last line of the reply to `version`. */
const VERSION_END = 'Built on ';
/** These lines may belong to any earlier batch (opentsdb-write-api 6.3). */
const STORAGE_LINES = ['put: HBase error:', 'put: Please throttle writes:'];
const LINE_BYTES_MAX = 1024 * 1024;
/** More error lines of one batch are not kept: that there are any is enough to look for their lines. */
const ERRORS_MAX = 20_000;

/**
 * Telnet puts to one OpenTSDB on one connection, batches pipelined: the TSD handles lines in order, and
 * its reply to the `version` that ends a batch comes after every error of the batch's lines.
 */
export class TelnetClient {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #outstanding: Outstanding[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #tail = '';
  /** The TSD's own reply to `version`, once it was seen. */
  #version: string | undefined;
  #versionStart = '';

  constructor(options: { readonly primary: URL; readonly requestTimeoutMs: number }) {
    this.#endpoint = endpointOf(options.primary);
    this.#timeoutMs = options.requestTimeoutMs;
  }

  /** Two lines, as the TSD sends them. */
  get version(): string | undefined {
    return this.#version;
  }

  /** Sends whole lines. Resolves in the order of the calls, never rejects. */
  async send(lines: Buffer): Promise<TelnetReply> {
    if (this.#isClosed) return { kind: 'unanswered', reason: 'closed' };
    const socket = (this.#socket ??= this.#connect());
    return new Promise((settle) => {
      this.#outstanding.push({ errors: [], settle });
      if (this.#outstanding.length === 1) this.#expectReply(socket);
      socket.cork();
      socket.write(lines);
      socket.write(VERSION);
      socket.uncork();
    });
  }

  /** For good: whatever is sent then is unanswered. */
  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy(new Error('closed'));
  }

  #connect(): Socket {
    const socket = connect({ ...this.#endpoint, noDelay: true });
    let cause = 'the TSD closed the connection';
    socket.setEncoding('latin1');
    socket.on('error', (error) => (cause = error.message));
    socket.on('data', (text: string) => this.#receive(socket, text));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#tail = '';
      clearTimeout(this.#timer);
      const outstanding = this.#outstanding;
      this.#outstanding = [];
      for (const { settle } of outstanding) settle({ kind: 'unanswered', reason: cause });
    });
    return socket;
  }

  /** The oldest batch must be answered in time; those after it wait for their turn. */
  #expectReply(socket: Socket): void {
    clearTimeout(this.#timer);
    if (this.#outstanding.length === 0) return;
    this.#timer = setTimeout(() => {
      socket.destroy(new Error(`no reply within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
  }

  #receive(socket: Socket, text: string): void {
    const lines = (this.#tail + text).split('\n');
    this.#tail = lines.pop() ?? '';
    if (this.#tail.length > LINE_BYTES_MAX) socket.destroy(new Error('an endless reply line'));
    for (const line of lines) this.#line(socket, line);
  }

  #line(socket: Socket, line: string): void {
    const [batch] = this.#outstanding;
    if (batch === undefined) return;
    if (!line.startsWith(VERSION_END)) {
      if (line.startsWith('net.opentsdb')) this.#versionStart = line;
      else if (STORAGE_LINES.some((words) => line.startsWith(words))) batch.storage ??= line;
      else if (batch.errors.length < ERRORS_MAX) batch.errors.push(line);
      return;
    }
    this.#version = `${this.#versionStart}\n${line}\n`;
    this.#outstanding.shift();
    this.#expectReply(socket);
    const { storage } = batch;
    batch.settle(
      storage === undefined
        ? { kind: 'handled', errors: batch.errors }
        : { kind: 'storage', reason: storage },
    );
  }
}
