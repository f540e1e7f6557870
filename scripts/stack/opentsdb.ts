import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from './daemon.ts';
import type { Helper } from './helper.ts';
import { javaCommand } from './jars.ts';
import { ADD_OPENS } from './jvm-flags.ts';

export type Settings = Readonly<Record<string, string>>;

export interface TsdOptions {
  /** Of the stack. */
  readonly directory: string;
  readonly name: string;
  readonly port: number;
  readonly zookeeperPort: number;
  /** What follows `tsdb`, `tsdb-uid` and so on in its tables' names. */
  readonly suffix: string;
  /** Over the defaults of `configuration` below, by OpenTSDB's own keys. */
  readonly settings: Settings;
  readonly classPath: string;
  readonly jvm: readonly string[];
  readonly scanner: Helper;
}

const LOGBACK = `<configuration>
<appender name="E" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
<encoder><pattern>%d %-5level %logger{0}: %msg%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="E"/></root></configuration>
`;

/** One OpenTSDB process with its own tables; it comes back on the same port. */
export class Tsd {
  readonly name: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly #daemon: Daemon;
  readonly #scanner: Helper;
  readonly #config: string;
  readonly #suffix: string;

  constructor(options: TsdOptions) {
    const { directory, name, port, classPath, jvm, scanner, suffix } = options;
    this.name = name;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#scanner = scanner;
    this.#suffix = suffix;
    const home = join(directory, `tsd-${name}`);
    this.#config = join(home, 'opentsdb.conf');
    writeConfiguration(home, this.#config, options);
    this.#daemon = new Daemon({
      directory,
      name: `tsd-${name}`,
      command: javaCommand(),
      args: [
        ...jvm,
        ...ADD_OPENS,
        '-cp',
        classPath,
        'net.opentsdb.tools.TSDMain',
        `--config=${this.#config}`,
      ],
      ready: () => answersVersion(this.url),
    });
  }

  get running(): boolean {
    return this.#daemon.running;
  }

  /** The name of the table that holds its points. */
  get dataTable(): string {
    return `tsdb${this.#suffix}`;
  }

  /** All it logged, from its first start on. */
  log(): string {
    return this.#daemon.log();
  }

  /** Resolves once it answers; at once when it runs. */
  async start(): Promise<void> {
    await this.#daemon.start();
  }

  /** Ends it by SIGTERM, after which it has flushed what it acknowledged. */
  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  async kill9(): Promise<void> {
    await this.#daemon.kill9();
  }

  /** Stops it where it stands, as a long collection of garbage does, until `resume`. */
  pause(): void {
    this.#daemon.signal('SIGSTOP');
  }

  resume(): void {
    this.#daemon.signal('SIGCONT');
  }

  /**
   * The stored cells of a metric from `start` on (Unix seconds, or as OpenTSDB writes times), exactly: one line
   * `metric timestamp value tag=value ...` for each, as OpenTSDB's own `scan --import` prints it.
   */
  async scan(metric: string, start: number | string = 1): Promise<readonly string[]> {
    return this.#scanner.ask([this.#config, start, metric].join('\t'));
  }
}

/** OpenTSDB's classes, told to log little, and never to standard output: there a scan prints. */
export function opentsdbClassPath(directory: string, jars: string): string {
  const conf = join(directory, 'opentsdb-conf');
  mkdirSync(conf, { recursive: true });
  writeFileSync(join(conf, 'logback.xml'), LOGBACK);
  return `${conf}:${join(jars, '*')}`;
}

function writeConfiguration(home: string, file: string, options: TsdOptions): void {
  mkdirSync(home, { recursive: true });
  const lines = Object.entries(configuration(home, options)).map(
    ([key, value]) => `${key} = ${value}`,
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
}

function configuration(home: string, options: TsdOptions): Settings {
  const { port, zookeeperPort, suffix, settings } = options;
  return {
    'tsd.network.port': `${port}`,
    'tsd.network.bind': '127.0.0.1',
    'tsd.http.staticroot': home,
    'tsd.http.cachedir': home,
    'tsd.core.plugin_path': home,
    'tsd.core.auto_create_metrics': 'true',
    'tsd.core.meta.enable_tsuid_tracking': 'true',
    'tsd.http.request.enable_chunked': 'true',
    'tsd.http.request.max_chunk': '16777216',
    'tsd.storage.fix_duplicates': 'true',
    'tsd.storage.hbase.zk_quorum': `127.0.0.1:${zookeeperPort}`,
    'tsd.storage.hbase.data_table': `tsdb${suffix}`,
    'tsd.storage.hbase.uid_table': `tsdb-uid${suffix}`,
    'tsd.storage.hbase.tree_table': `tsdb-tree${suffix}`,
    'tsd.storage.hbase.meta_table': `tsdb-meta${suffix}`,
    ...settings,
  };
}

async function answersVersion(url: string): Promise<boolean> {
  return fetch(`${url}/api/version`, { signal: AbortSignal.timeout(2_000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}
