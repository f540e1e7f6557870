import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answers, Daemon } from './daemon.ts';
import { javaCommand } from './jars.ts';

const run = promisify(execFile);

const CLUSTER_ID = 'dHNkYi13YWwtc3RhY2stMQ';

const QUIET = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
];

/** How clients reach a broker; `name` is a security protocol of Kafka, or a name of its own. */
interface Listener {
  readonly name: string;
  readonly port: number;
  /** What clients are told to connect to: the port of a proxy in front, as a rule. Absent: `port`. */
  readonly advertisedPort?: number;
  /** Absent: the name. */
  readonly protocol?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
}

export interface KafkaOptions {
  readonly directory: string;
  /** Of its files and its process. */
  readonly name: string;
  readonly jars: string;
  /** The first one is the broker's own, and must be PLAINTEXT. */
  readonly listeners: readonly Listener[];
  readonly controllerPort: number;
  readonly jvm: readonly string[];
  /** More lines of its configuration. */
  readonly settings?: Readonly<Record<string, string>>;
  /** As `kafka-storage.sh format --add-scram` takes them. */
  readonly scramUsers?: readonly string[];
}

/** A Kafka broker that is its own controller; its storage is formatted before its first start. */
export function kafkaDaemon(options: KafkaOptions): Daemon {
  const { directory, name, jars, jvm, listeners } = options;
  const config = join(directory, `${name}.properties`);
  const [own] = listeners;
  return new Daemon({
    directory,
    name,
    command: javaCommand(),
    args: [...jvm, ...QUIET, '-cp', join(jars, '*'), 'kafka.Kafka', config],
    prepare: () => prepare(options, config),
    ready: (log) => log.includes('Kafka Server started') && answers(own?.port ?? 0),
  });
}

async function prepare(options: KafkaOptions, config: string): Promise<void> {
  const { directory, name, jars, scramUsers = [] } = options;
  const data = join(directory, `${name}-data`);
  if (!existsSync(data)) {
    // Formatted aside, so that a crash half-way leaves nothing that looks formatted.
    await rm(`${data}.new`, { recursive: true, force: true });
    await writeFile(config, properties(options, `${data}.new`));
    const args = ['-cp', join(jars, '*'), 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID];
    const users = scramUsers.flatMap((user) => ['--add-scram', user]);
    await run(javaCommand(), ['-XX:TieredStopAtLevel=1', ...args, '-c', config, ...users]);
    await rename(`${data}.new`, data);
  }
  await writeFile(config, properties(options, data));
}

function properties({ listeners, controllerPort, settings }: KafkaOptions, data: string): string {
  const controller = `127.0.0.1:${controllerPort}`;
  const bound = listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`);
  const advertised = listeners.map(
    ({ name, port, advertisedPort }) => `${name}://127.0.0.1:${advertisedPort ?? port}`,
  );
  const protocols = listeners.map(({ name, protocol }) => `${name}:${protocol ?? name}`);
  const all = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    listeners: [...bound, `CONTROLLER://${controller}`].join(),
    'advertised.listeners': advertised.join(),
    'listener.security.protocol.map': [...protocols, 'CONTROLLER:PLAINTEXT'].join(),
    'inter.broker.listener.name': listeners[0]?.name ?? '',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...settings,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
