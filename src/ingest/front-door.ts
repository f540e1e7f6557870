import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { LineBuffer } from '../record/line-buffer.ts';
import { systemClock } from '../runtime/clock.ts';
import { listenFailed } from '../runtime/listen-failed.ts';
import { Admission } from './admission.ts';
import { HttpServer } from './http/http-server.ts';
import type { IngestOptions } from './ingest-options.ts';
import { SharedReads } from './shared-read.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { TelnetCommands } from './telnet/telnet-commands.ts';
import { TelnetConnection, type TelnetContext } from './telnet/telnet-connection.ts';

/** How long a connection may stay without its first byte, unless the idle time-out is shorter. */
const FIRST_BYTE_TIMEOUT_MS = 30_000;
/** A telnet connection that has waited for us for so long gives way to a new one when there is no place left. */
const PATIENCE_MS = 60_000;

/** The one port that collectors know: HTTP when the first byte is A to Z, as in OpenTSDB, else telnet. */
export interface FrontDoor {
  /** Resolves with the port once connections are taken; throws LISTEN_FAILED when the address can't be had. */
  listen(host: string, port: number): Promise<number>;

  /** Reads nothing more, answers all that was read, and closes; what is not done by the deadline is cut off. */
  close(deadlineMs: number): Promise<void>;

  /** Connections open now, or gone with something of theirs not logged yet. */
  connections(): number;
}

export function createFrontDoor(options: IngestOptions): FrontDoor {
  return new PortMux(options);
}

class PortMux implements FrontDoor {
  readonly #options: IngestOptions;
  readonly #http: HttpServer;
  readonly #telnetContext: TelnetContext;
  readonly #server: Server;
  readonly #reads = new SharedReads();
  readonly #sockets = new Set<Socket>();
  /** Connections that have not sent a byte yet. */
  readonly #silent = new Set<Socket>();
  readonly #telnets = new Set<TelnetConnection>();
  /** Those of them whose client is gone. */
  readonly #orphans = new Set<TelnetConnection>();
  /** Ends the wait for the deadline of `close`. */
  readonly #closed = new AbortController();

  constructor(options: IngestOptions) {
    const admission = new Admission(options.limits, () => options.writePath.pressed());
    const lines = new LineBuffer();
    const spare = new SpareBuffers();
    this.#options = options;
    this.#http = new HttpServer({ options, admission, lines, spare, reads: this.#reads });
    const commands = new TelnetCommands(options);
    this.#telnetContext = { options, commands, admission, lines, spare };
    // Half-open, so that a client that has sent all and ended still gets its replies.
    const given = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#server = createServer(given, (socket) => this.#accept(this.#reads.adopt(socket)));
  }

  async listen(host: string, port: number): Promise<number> {
    await this.#http.run();
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => reject(listenFailed('listen', { host, port }, cause));
      this.#server.once('error', failed);
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  connections(): number {
    return this.#sockets.size + this.#orphans.size;
  }

  async close(deadlineMs: number): Promise<void> {
    this.#server.close();
    for (const socket of this.#silent) socket.destroy();
    this.#http.stop();
    for (const telnet of this.#telnets) telnet.stop();
    const answered = Promise.all([...this.#telnets].map((telnet) => telnet.done));
    await Promise.race([Promise.all([answered, this.#allClosed()]), this.#cutOff(deadlineMs)]);
    this.#closed.abort();
    await this.#http.close();
  }

  async #allClosed(): Promise<void> {
    await Promise.all([...this.#sockets].map(closed));
  }

  async #cutOff(deadlineMs: number): Promise<void> {
    await systemClock.sleep(deadlineMs, this.#closed.signal);
    for (const telnet of this.#telnets) telnet.abandon();
    for (const socket of this.#sockets) socket.destroy();
    await this.#allClosed();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.connections() >= this.#options.limits.connectionsMax) {
      this.#options.counters.connectionRefused();
      if (!this.#makeRoom()) {
        socket.destroy();
        return;
      }
    }
    this.#sockets.add(socket);
    this.#silent.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#silent.delete(socket);
    });
    const { idleTimeoutMs } = this.#options.limits;
    const hangUp = (): void => void socket.destroy();
    socket.setTimeout(Math.min(idleTimeoutMs || FIRST_BYTE_TIMEOUT_MS, FIRST_BYTE_TIMEOUT_MS));
    socket.once('timeout', hangUp);
    socket.once('end', hangUp);
    this.#reads.direct(socket, (bytes) => {
      socket.off('timeout', hangUp).off('end', hangUp);
      socket.setTimeout(0);
      this.#silent.delete(socket);
      this.#hand(socket, bytes);
    });
  }

  /**
   * While the log takes nothing, who waits for it is not read, so that its end is not seen, and comes again by a new connection. The one that
   * has waited longest is given up. False: none has waited for long.
   */
  #makeRoom(): boolean {
    let longest: TelnetConnection | undefined;
    let sinceMs = systemClock.monotonicMs() - PATIENCE_MS;
    for (const telnet of this.#telnets) {
      const { waitsSinceMs = Infinity } = telnet;
      if (waitsSinceMs > sinceMs) continue;
      longest = telnet;
      sinceMs = waitsSinceMs;
    }
    longest?.abandon();
    return longest !== undefined;
  }

  #forget(telnet: TelnetConnection): void {
    this.#telnets.delete(telnet);
    this.#orphans.delete(telnet);
  }

  #hand(socket: Socket, bytes: Buffer): void {
    const first = bytes[0] ?? 0;
    if (first >= 0x41 && first <= 0x5a) {
      this.#http.accept(socket, bytes);
      return;
    }
    const telnet = new TelnetConnection(socket, this.#telnetContext);
    this.#telnets.add(telnet);
    socket.once('close', () => {
      if (this.#telnets.has(telnet)) this.#orphans.add(telnet);
    });
    void telnet.done.then(() => this.#forget(telnet));
    this.#reads.direct(socket, (more) => telnet.receive(more));
    telnet.run();
    telnet.receive(bytes);
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
