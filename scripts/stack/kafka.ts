import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
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

export interface KafkaOptions {
  readonly directory: string;
  readonly jars: string;
  readonly ports: { readonly kafka: number; readonly kafkaController: number };
  readonly jvm: readonly string[];
}

/** A Kafka broker that is its own controller, with its storage formatted. */
export async function kafkaDaemon(options: KafkaOptions): Promise<Daemon> {
  const { directory, jars, ports, jvm } = options;
  await mkdir(directory, { recursive: true });
  const config = join(directory, 'kafka.properties');
  const data = join(directory, 'kafka-data');
  const classPath = join(jars, '*');
  if (!existsSync(data)) {
    // Formatted aside, so that a crash half-way leaves nothing that looks formatted.
    await rm(`${data}.new`, { recursive: true, force: true });
    await writeFile(config, properties(ports, `${data}.new`));
    const args = ['-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID];
    await run(javaCommand(), ['-XX:TieredStopAtLevel=1', ...args, '-c', config]);
    await rename(`${data}.new`, data);
  }
  await writeFile(config, properties(ports, data));
  return new Daemon({
    directory,
    name: 'kafka',
    command: javaCommand(),
    args: [...jvm, ...QUIET, '-cp', classPath, 'kafka.Kafka', config],
    ready: (log) => log.includes('Kafka Server started') && answers(ports.kafka),
  });
}

function properties(ports: KafkaOptions['ports'], data: string): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports.kafkaController}
listeners=PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${ports.kafkaController}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports.kafka}
controller.listener.names=CONTROLLER
log.dirs=${data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`;
}
