import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exchanged, jsonOf, type Ledger, type Line } from './ledger.ts';

/** A collector: what `put` resolves to is what it was told. It rejects when the connection ended first. */
export interface Collector {
  /** Resolves to undefined when all lines were acknowledged, else to what was said instead. */
  put(lines: readonly Line[]): Promise<string | undefined>;
  close(): void;
}

/** Puts arrays by HTTP on one connection that it keeps. */
export class HttpCollector implements Collector {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  async put(lines: readonly Line[]): Promise<string | undefined> {
    const { status, text } = await this.send(`[${lines.map(jsonOf).join()}]`);
    const isTaken = status === 200 && text === `{"success":${lines.length},"failed":0,"errors":[]}`;
    return isTaken ? undefined : `${status} ${text.slice(0, 200)}`;
  }

  async send(body: string, path = '/api/put?details'): Promise<Exchanged> {
    const options = { port: this.#port, host: '127.0.0.1', path, method: 'POST' };
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, agent: this.#agent }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.once('end', () => {
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() });
        });
        answer.once('error', reject);
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Puts lines by telnet on one connection, and takes the answer to `version` for their acknowledgement. */
export class TelnetCollector implements Collector {
  readonly #port: number;
  #socket: Socket | undefined;
  #said = '';
  #onSaid: (() => void) | undefined;
  #onEnd: (() => void) | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async put(lines: readonly Line[]): Promise<string | undefined> {
    const said = await this.ask([...lines, 'version']);
    return said.find((line) => !/^(?:net\.opentsdb\.tools|Built on) /.test(line));
  }

  /** All that is said up to the end of the answer to `version`, which must be the last command. */
  async ask(commands: readonly string[]): Promise<string[]> {
    const socket = await this.#connected();
    this.#said = '';
    await new Promise<void>((resolve, reject) => {
      this.#onEnd = () => reject(new Error('the connection was closed'));
      this.#onSaid = () => {
        if (/^Built on .*\n/m.test(this.#said)) resolve();
      };
      // As OpenTSDB reads it.
      socket.write(commands.map((command) => `${command}\n`).join(''), 'latin1');
    });
    return this.#said.trimEnd().split('\n');
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connected(): Promise<Socket> {
    if (this.#socket?.destroyed === false) return this.#socket;
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    this.#socket = socket;
    socket.on('error', () => socket.destroy()).on('end', () => socket.destroy());
    socket.on('close', () => this.#onEnd?.());
    socket.on('data', (bytes: Buffer) => {
      this.#said += bytes.toString('latin1');
      this.#onSaid?.();
    });
    return socket;
  }
}

export interface LoadOptions {
  readonly port: number;
  readonly ledger: Ledger;
  readonly metric: string;
  readonly http: number;
  readonly telnet: number;
  readonly batch: number;
  /** Between an answer and the next batch of a client. */
  readonly pauseMs: number;
  /** Whether a client that was not acknowledged sends the same again, as good collectors do. */
  readonly again: boolean;
}

/** Several collectors that send one batch after another, each line with an instant of its own. */
export class Load implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { http, telnet, port } = options;
    const collectors = [
      ...Array.from({ length: http }, () => new HttpCollector(port)),
      ...Array.from({ length: telnet }, () => new TelnetCollector(port)),
    ];
    this.#running = Promise.all(collectors.map((one, index) => this.#run(one, index)));
  }

  /** Resolves once each client has its last answer, or has lost its connection. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(collector: Collector, index: number): Promise<void> {
    const { ledger, metric, batch, pauseMs, again } = this.#options;
    const transport = collector instanceof HttpCollector ? 'http' : 'telnet';
    const baseMs = Date.now();
    let next = 0;
    while (!this.#stop.signal.aborted) {
      const lines = Array.from({ length: batch }, () => {
        next += 1;
        return `put ${metric}.${transport} ${baseMs + next} ${next} c=${index}-${baseMs}`;
      });
      let isTaken = false;
      while (!isTaken) {
        isTaken = await this.#put(collector, lines);
        if (!isTaken && (!again || this.#stop.signal.aborted)) break;
        if (!isTaken) await sleep(20);
      }
      if (isTaken) ledger.acknowledge(lines);
      if (pauseMs > 0) await sleep(pauseMs);
    }
    collector.close();
  }

  async #put(collector: Collector, lines: readonly Line[]): Promise<boolean> {
    const { ledger } = this.#options;
    ledger.send(lines);
    const startMs = performance.now();
    try {
      const error = await collector.put(lines);
      if (error !== undefined) ledger.fail(error);
      return error === undefined;
    } catch (error) {
      ledger.fail((error as NodeJS.ErrnoException).code ?? (error as Error).message);
      return false;
    } finally {
      ledger.answerMs.push(performance.now() - startMs);
    }
  }
}

/** The value below which the share of the numbers lies. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
