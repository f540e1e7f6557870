import { connect, type Socket } from 'node:net';

/** What a TSD said to a batch of telnet puts, up to the reply to the `version` behind them. */
export type TelnetReply =
  /** Every line was handled; these error lines came, in the order of their lines. */
  | { readonly kind: 'handled'; readonly errors: readonly string[] }
  /** HBase trouble, of this batch or of any before it. */
  | { readonly kind: 'storage'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

interface Outstanding {
  readonly errors: string[];
  readonly settle: (reply: TelnetReply) => void;
  readonly timer: NodeJS.Timeout;
}

const VERSION = Buffer.from('version\n');
/** The last line of the reply to `version`. */
const VERSION_END = 'Built on ';
/** These lines may belong to any earlier batch (opentsdb-write-api 6.3). */
const STORAGE_LINES = ['put: HBase error:', 'put: Please throttle writes:'];
const LINE_BYTES_MAX = 1024 * 1024;

/**
 * Telnet puts to one OpenTSDB on one connection, batches pipelined: the TSD handles lines in order, and
 * its reply to the `version` that ends a batch comes after every error of the batch's lines.
 */
export class TelnetClient {
  readonly #host: string;
  readonly #port: number;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #outstanding: Outstanding[] = [];
  #tail = '';
  /** The TSD's own reply to `version`, once it was seen. */
  #version: string | undefined;
  #versionStart = '';

  constructor(options: { readonly primary: URL; readonly requestTimeoutMs: number }) {
    this.#host = options.primary.hostname.replaceAll(/^\[|\]$/g, '');
    this.#port = Number(options.primary.port || '4242');
    this.#timeoutMs = options.requestTimeoutMs;
  }

  /** Two lines, as the TSD sends them. */
  get version(): string | undefined {
    return this.#version;
  }

  /** Sends whole lines. Resolves in the order of the calls, never rejects. */
  async send(lines: Buffer): Promise<TelnetReply> {
    const socket = (this.#socket ??= this.#connect());
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        socket.destroy(new Error(`no reply within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#outstanding.push({ errors: [], settle, timer });
      socket.cork();
      socket.write(lines);
      socket.write(VERSION);
      socket.uncork();
    });
  }

  close(): void {
    this.#socket?.destroy(new Error('closed'));
  }

  #connect(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    let cause = 'the TSD closed the connection';
    socket.setEncoding('latin1');
    socket.on('error', (error) => (cause = error.message));
    socket.on('data', (text: string) => this.#receive(socket, text));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#tail = '';
      const outstanding = this.#outstanding;
      this.#outstanding = [];
      for (const { settle, timer } of outstanding) {
        clearTimeout(timer);
        settle({ kind: 'unanswered', reason: cause });
      }
    });
    return socket;
  }

  #receive(socket: Socket, text: string): void {
    const lines = (this.#tail + text).split('\n');
    this.#tail = lines.pop() ?? '';
    if (this.#tail.length > LINE_BYTES_MAX) socket.destroy(new Error('an endless reply line'));
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    const [batch] = this.#outstanding;
    if (batch === undefined) return;
    if (!line.startsWith(VERSION_END)) {
      if (line.startsWith('net.opentsdb')) this.#versionStart = line;
      else if (batch.errors.length < 100_000) batch.errors.push(line);
      return;
    }
    this.#version = `${this.#versionStart}\n${line}\n`;
    this.#outstanding.shift();
    clearTimeout(batch.timer);
    const storage = batch.errors.find((error) =>
      STORAGE_LINES.some((words) => error.startsWith(words)),
    );
    batch.settle(
      storage === undefined
        ? { kind: 'handled', errors: batch.errors }
        : { kind: 'storage', reason: storage },
    );
  }
}
