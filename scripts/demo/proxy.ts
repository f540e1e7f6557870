import { join } from 'node:path';
import { freePort } from '../../test/kit/ports.ts';
import { ask, DemoProcess, isReadyAt } from './process.ts';

/** The part of /status that the demonstration shows. */
export interface ProxyStatus {
  readonly log: { readonly durable: string; readonly bytes: number };
  readonly primary: {
    readonly state: StateShown;
    readonly confirmed: string | null;
    readonly lagSeconds: number;
    readonly lagBytes: number;
  };
  /** Only with Kafka. */
  readonly kafka?: {
    readonly state: StateShown;
    readonly lagSeconds: number;
    readonly lagBytes: number;
  };
}

type StateShown = { readonly kind: 'live' } | { readonly kind: string; readonly reason: string };

export interface DemoProxyOptions {
  readonly primary: string;
  readonly directory: string;
  /** Where there are several. */
  readonly name?: string;
  readonly flags?: readonly string[];
}

/** The built proxy as a process of its own, which keeps its ports and its data from start to start. */
export class DemoProxy {
  readonly port: number;
  readonly dataDirectory: string;
  readonly #adminPort: number;
  readonly #process: DemoProcess;

  private constructor(ports: readonly number[], options: DemoProxyOptions) {
    const { primary, directory, name, flags = [] } = options;
    [this.port = 0, this.#adminPort = 0] = ports;
    const ending = name === undefined ? '' : `-${name}`;
    this.dataDirectory = join(directory, `data${ending}`);
    const listen = [
      '--listen',
      `127.0.0.1:${this.port}`,
      '--admin',
      `127.0.0.1:${this.#adminPort}`,
    ];
    const places = ['--primary', primary, '--data', this.dataDirectory];
    this.#process = new DemoProcess({
      name: name === undefined ? 'the proxy' : `proxy ${name}`,
      args: ['start', ...listen, ...places, ...flags],
      logPath: join(directory, `proxy${ending}.log`),
      isReady: () => isReadyAt(this.#adminPort),
    });
  }

  /** Not yet started. Its data and what it prints go to the directory. */
  static async create(options: DemoProxyOptions): Promise<DemoProxy> {
    return new DemoProxy([await freePort(), await freePort()], options);
  }

  get name(): string {
    return this.#process.name;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it takes data. */
  async start(): Promise<void> {
    await this.#process.start();
  }

  async kill9(): Promise<void> {
    await this.#process.kill9();
  }

  /** Asks it to end; resolves to its exit code. */
  async terminate(): Promise<number | null> {
    return this.#process.terminate();
  }

  /** Undefined while it doesn't answer. */
  async status(): Promise<ProxyStatus | undefined> {
    const answer = await ask(this.#adminPort, '/status');
    return answer?.ok === true ? ((await answer.json()) as ProxyStatus) : undefined;
  }
}
