import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { freePort } from '../../test/kit/ports.ts';
import { type Daemon, KnownDaemon } from './daemon.ts';
import { hbaseClassPath, hbaseDaemon } from './hbase.ts';
import { Helper } from './helper.ts';
import { fetchJars } from './jars.ts';
import { SHORT_LIVED } from './jvm-flags.ts';
import { kafkaDaemon, type KafkaOptions } from './kafka.ts';
import { opentsdbClassPath, type Settings, Tsd } from './opentsdb.ts';

interface StackPorts {
  readonly zookeeper: number;
  readonly master: number;
  readonly region: number;
  readonly kafka: number;
  readonly kafkaController: number;
}

/** All that another process needs to use the same stack; it can be sent as JSON. */
export interface StackPlace {
  /** Data, logs and process identities: one directory for each stack. */
  readonly directory: string;
  readonly ports: StackPorts;
  /** `throwaway` starts sooner and takes less memory, at the price of top speed. */
  readonly purpose: 'throwaway' | 'lasting';
}

export interface TsdChoice {
  readonly settings?: Settings;
  readonly port?: number;
}

/** Of which the first must be PLAINTEXT: it is the broker's own. */
export type KafkaChoice = Pick<KafkaOptions, 'listeners' | 'settings' | 'scramUsers'>;

const SMALL_BROKER = {
  'num.network.threads': '2',
  'num.io.threads': '2',
  'offsets.topic.num.partitions': '1',
  'log.cleaner.dedupe.buffer.size': '2097152',
} as const;

const HEAP_MIB = {
  throwaway: { hbase: 1536, kafka: 384, tsd: 384 },
  lasting: { hbase: 1536, kafka: 768, tsd: 1024 },
} as const;

const LIMITS = { removeAttemptsMax: 10 } as const;

/**
 * Real HBase, and on demand OpenTSDBs and Kafka, without Docker. What it starts outlives the process: any process
 * that knows the place can go on with it, and end it.
 */
export class Stack {
  readonly place: StackPlace;
  readonly #hbaseJars: string;
  readonly #opentsdb: string;
  readonly #tables: Helper;
  readonly #scanner: Helper;

  private constructor(
    place: StackPlace,
    jars: { readonly hbase: string; readonly opentsdb: string },
  ) {
    const { directory } = place;
    this.place = place;
    this.#hbaseJars = jars.hbase;
    this.#opentsdb = opentsdbClassPath(directory, jars.opentsdb);
    const hbase = hbaseClassPath(directory, jars.hbase);
    this.#tables = new Helper({ directory, server: 'TableServer', classPath: hbase });
    this.#scanner = new Helper({ directory, server: 'ScanServer', classPath: this.#opentsdb });
  }

  /** The stack at a place where HBase runs, or is started by `start`. */
  static async at(place: StackPlace): Promise<Stack> {
    return new Stack(place, await fetchJars(['hbase', 'opentsdb']));
  }

  async start(): Promise<void> {
    const { directory, ports } = this.place;
    const options = { directory, ports, jars: this.#hbaseJars, jvm: this.#jvm('hbase') };
    await hbaseDaemon(options).start();
  }

  /** Starts one more OpenTSDB, with empty tables of its own whatever other test uses the name too. */
  async opentsdb(name: string, choice: TsdChoice = {}): Promise<Tsd> {
    const unique = `${name}-${randomBytes(3).toString('hex')}`;
    await this.#tables.ask(`create -${unique}`);
    return this.#startTsd(unique, `-${unique}`, choice);
  }

  /** Starts the OpenTSDB of this very name, on the tables that it had before, or on empty ones. */
  async namedOpentsdb(
    name: string,
    { tables, ...choice }: TsdChoice & { readonly tables: 'keep' | 'empty' },
  ): Promise<Tsd> {
    if (tables === 'empty') await this.#tables.ask(`drop -${name}`);
    await this.#tables.ask(`create -${name}`);
    return this.#startTsd(name, `-${name}`, choice);
  }

  /** Takes the table of an OpenTSDB's points offline, so that its writes fail until `enableTable`. */
  async disableTable(tsd: Tsd): Promise<void> {
    await this.#tables.ask(`disable ${tsd.dataTable}`);
  }

  async enableTable(tsd: Tsd): Promise<void> {
    await this.#tables.ask(`enable ${tsd.dataTable}`);
  }

  /** The Kafka broker, started when it does not run. */
  async kafka(): Promise<{ readonly address: string; readonly broker: Daemon }> {
    const { directory, ports } = this.place;
    const { kafka: jars } = await fetchJars(['kafka']);
    const broker = kafkaDaemon({
      directory,
      name: 'kafka',
      jars,
      listeners: [{ name: 'PLAINTEXT', port: ports.kafka }],
      controllerPort: ports.kafkaController,
      jvm: this.#jvm('kafka'),
    });
    await broker.start();
    return { address: `127.0.0.1:${ports.kafka}`, broker };
  }

  /** Starts one more Kafka broker, a small one for a test that does to it what others must not see. */
  async ownKafka(name: string, choice: KafkaChoice): Promise<Daemon> {
    const { kafka: jars } = await fetchJars(['kafka']);
    const { settings, ...rest } = choice;
    const broker = kafkaDaemon({
      directory: this.place.directory,
      name: `kafka-${name}-${randomBytes(3).toString('hex')}`,
      jars,
      controllerPort: await freePort(),
      jvm: ['-Xmx256m', ...SHORT_LIVED],
      settings: { ...SMALL_BROKER, ...settings },
      ...rest,
    });
    await broker.start();
    return broker;
  }

  /** Ends every process of the stack. A throw-away stack's directory is removed. */
  async down(): Promise<void> {
    await stopAll(this.place.directory, this.place.purpose);
  }

  async #startTsd(name: string, suffix: string, { settings, port }: TsdChoice): Promise<Tsd> {
    const tsd = new Tsd({
      directory: this.place.directory,
      name,
      port: port ?? (await freePort()),
      zookeeperPort: this.place.ports.zookeeper,
      suffix,
      settings: settings ?? {},
      classPath: this.#opentsdb,
      jvm: this.#jvm('tsd'),
      scanner: this.#scanner,
    });
    await tsd.start();
    return tsd;
  }

  #jvm(part: 'hbase' | 'kafka' | 'tsd'): readonly string[] {
    const { purpose } = this.place;
    const heap = `-Xmx${HEAP_MIB[purpose][part]}m`;
    return purpose === 'lasting' ? [heap] : [heap, ...SHORT_LIVED];
  }
}

/** Fetches what is needed, starts HBase, and resolves once tables can be made. */
export async function startStack(place: StackPlace): Promise<Stack> {
  const stack = await Stack.at(place);
  await stack.start();
  return stack;
}

/** The processes whose identities a stack's directory holds. */
export function daemonsOf(directory: string): readonly KnownDaemon[] {
  return filesIn(directory)
    .filter((file) => file.endsWith('.pid'))
    .map((file) => new KnownDaemon({ directory, name: file.slice(0, -'.pid'.length) }));
}

/** Ends the processes of the stack in that directory, which may be one that a crashed run left. */
export async function stopAll(directory: string, purpose: StackPlace['purpose']): Promise<void> {
  const daemons = daemonsOf(directory);
  if (purpose === 'throwaway') {
    await Promise.all(daemons.map((daemon) => daemon.kill9()));
    removeTree(directory);
    return;
  }
  // OpenTSDBs first: they need HBase to stop well.
  await Promise.all(daemons.filter(isTsd).map((daemon) => daemon.stop()));
  await Promise.all(daemons.filter((daemon) => !isTsd(daemon)).map((daemon) => daemon.stop()));
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Two sweeps may remove one stack at once: each goes on where the other was first. */
function removeTree(directory: string): void {
  for (let attempt = 1; existsSync(directory); attempt += 1) {
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    } catch (error) {
      if (attempt === LIMITS.removeAttemptsMax) throw error;
    }
  }
}

function isTsd(daemon: KnownDaemon): boolean {
  return daemon.name.startsWith('tsd-');
}
