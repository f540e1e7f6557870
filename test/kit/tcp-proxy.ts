import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.ts';

export type Fault =
  | { readonly kind: 'pass' }
  /** Nothing listens, and what was connected is reset. */
  | { readonly kind: 'refuse' }
  /** Connections are accepted, and what is sent goes nowhere. */
  | { readonly kind: 'blackhole' }
  /** What is sent arrives; no answer and no end of the connection comes back. */
  | { readonly kind: 'halfOpen' }
  /** Requests arrive, and answers come, this much later. */
  | { readonly kind: 'delay'; readonly requestMs?: number; readonly answerMs: number }
  /** Each connection ends after this many bytes of answers. */
  | { readonly kind: 'cut'; readonly answerBytes: number }
  /** Each connection ends instead of the answer to a request that begins with such bytes: the server has carried it out. */
  | { readonly kind: 'cutAnswer'; readonly to: (request: Buffer) => boolean }
  /** Each connection ends after this many bytes of an HTTP answer's body. */
  | { readonly kind: 'cutBody'; readonly bodyBytes: number };

export interface Traffic {
  connections: number;
  requestBytes: number;
  answerBytes: number;
  /** Connections that a `cut`, `cutAnswer` or `cutBody` ended. */
  cuts: number;
}

/**
 * A TCP proxy in front of one server, whose fault can be switched at any time, for connections that are open too.
 * A connection of which a fault swallowed bytes stays dumb in that direction until it is closed.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly traffic: Traffic = { connections: 0, requestBytes: 0, answerBytes: 0, cuts: 0 };
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #fault: Fault = { kind: 'pass' };
  #server: Server | undefined;

  private constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  /** A proxy in front of a port of 127.0.0.1. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), targetPort);
    await proxy.#listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Resolves once the fault holds. Bytes of answers are counted from here on. */
  async set(fault: Fault): Promise<void> {
    this.#fault = fault;
    for (const pair of this.#pairs) pair.set(fault);
    if (fault.kind !== 'refuse') return this.#listen();
    this.reset();
    return this.#close();
  }

  /** Resets every open connection. */
  reset(): void {
    for (const pair of this.#pairs) pair.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.set({ kind: 'refuse' });
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.traffic.connections += 1;
      const pair = new Pair({ client, targetPort: this.#targetPort, traffic: this.traffic });
      pair.set(this.#fault);
      this.#pairs.add(pair);
      client.once('close', () => this.#pairs.delete(pair));
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async #close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    await once(server, 'close');
  }
}

/** One connection of a client, and its counterpart to the server. */
class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #traffic: Traffic;
  #fault: Fault = { kind: 'pass' };
  /** Of the answers since the fault was set; kept only while a cut is waited for. */
  #answer = Buffer.alloc(0);
  /** The next answer is one to cut. */
  #isDoomed = false;
  #requestsLost = false;
  #answersLost = false;
  readonly #requestsLate = new Late();
  readonly #answersLate = new Late();

  constructor(options: {
    readonly client: Socket;
    readonly targetPort: number;
    readonly traffic: Traffic;
  }) {
    const { client, targetPort, traffic } = options;
    const server = connect({
      port: targetPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    this.#client = client;
    this.#server = server;
    this.#traffic = traffic;
    client.on('data', (bytes: Buffer) => this.#request(bytes));
    client.on('end', () => server.end()).on('error', () => server.destroy());
    client.on('close', () => server.destroy());
    server.on('data', (bytes: Buffer) => this.#answers(bytes));
    server.on('end', () => this.#passEnd(() => client.end()));
    server.on('error', () => this.#passEnd(() => client.resetAndDestroy()));
  }

  set(fault: Fault): void {
    this.#fault = fault;
    this.#answer = Buffer.alloc(0);
    this.#isDoomed = false;
  }

  reset(): void {
    this.#client.resetAndDestroy();
  }

  #request(bytes: Buffer): void {
    this.#traffic.requestBytes += bytes.length;
    const fault = this.#fault;
    if (fault.kind === 'blackhole') this.#requestsLost = true;
    if (fault.kind === 'cutAnswer' && fault.to(bytes)) this.#isDoomed = true;
    if (this.#requestsLost) return;
    const lateMs = fault.kind === 'delay' ? (fault.requestMs ?? 0) : 0;
    this.#requestsLate.run(lateMs, () => this.#server.write(bytes));
  }

  #answers(bytes: Buffer): void {
    const fault = this.#fault;
    if (fault.kind === 'blackhole' || fault.kind === 'halfOpen') this.#answersLost = true;
    if (this.#answersLost) return;
    if (this.#isDoomed) {
      this.#cut(Buffer.alloc(0));
      return;
    }
    if (fault.kind === 'cut' || fault.kind === 'cutBody') this.#sendUntilCut(bytes, fault);
    else {
      const lateMs = fault.kind === 'delay' ? fault.answerMs : 0;
      this.#answersLate.run(lateMs, () => this.#send(bytes));
    }
  }

  #sendUntilCut(bytes: Buffer, fault: Fault & { kind: 'cut' | 'cutBody' }): void {
    const sentBytes = this.#answer.length;
    this.#answer = Buffer.concat([this.#answer, bytes]);
    const leftBytes = cutAt(this.#answer, fault) - sentBytes;
    if (bytes.length < leftBytes) {
      this.#send(bytes);
      return;
    }
    this.#cut(bytes.subarray(0, leftBytes));
  }

  #cut(last: Buffer): void {
    this.#traffic.cuts += 1;
    this.#answersLost = true;
    this.#requestsLost = true;
    this.#traffic.answerBytes += last.length;
    this.#client.end(last, () => this.#client.destroy());
  }

  #send(bytes: Buffer): void {
    if (!this.#client.writable) return;
    this.#traffic.answerBytes += bytes.length;
    this.#client.write(bytes);
  }

  /** After the answers that are still on their way. */
  #passEnd(end: () => void): void {
    const { kind } = this.#fault;
    if (this.#answersLost || kind === 'blackhole' || kind === 'halfOpen') return;
    this.#answersLate.run(this.#fault.kind === 'delay' ? this.#fault.answerMs : 0, end);
  }
}

/** Runs what it is given later, in the order in which it came. */
class Late {
  readonly #waiting: { readonly dueMs: number; readonly task: () => void }[] = [];

  run(lateMs: number, task: () => void): void {
    if (lateMs === 0 && this.#waiting.length === 0) {
      task();
      return;
    }
    this.#waiting.push({ dueMs: performance.now() + lateMs, task });
    if (this.#waiting.length === 1) this.#wait();
  }

  #wait(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    setTimeout(() => {
      first.task();
      this.#waiting.shift();
      this.#wait();
    }, first.dueMs - performance.now());
  }
}

function cutAt(answer: Buffer, fault: Fault & { kind: 'cut' | 'cutBody' }): number {
  if (fault.kind === 'cut') return fault.answerBytes;
  const headBytes = answer.indexOf('\r\n\r\n');
  return headBytes < 0 ? Number.POSITIVE_INFINITY : headBytes + 4 + fault.bodyBytes;
}
