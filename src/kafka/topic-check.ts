import kafkajs, { type Admin } from 'kafkajs';
import { WalError } from '../runtime/errors.ts';
import type { KafkaConnection } from './connection.ts';
import { explainFailure, type Failure, isTopicMissing } from './failure.ts';

// Node finds no such names in a CommonJS module written like this one.
const { ConfigResourceTypes } = kafkajs;

export interface TopicWish {
  readonly name: string;
  readonly create: boolean;
  readonly partitions: number;
  readonly replication: number;
  /** ms. */
  readonly retention: number;
}

export interface TopicFacts {
  readonly partitions: number;
  /** Copies of the partition that has the fewest. */
  readonly replicas: number;
  /** As the broker has them; empty when it may not be asked. */
  readonly settings: Readonly<Record<string, string>>;
}

/** By which it is named in commands. */
export interface TopicAddress {
  readonly name: string;
  /** `HOST:PORT` of one that knows of the others. */
  readonly broker: string;
}

export interface TopicCheck {
  readonly told: readonly string[];
  /** What may cost data one day. */
  readonly warnings: readonly string[];
  /** Why the topic could not be looked at; undefined when it was. */
  readonly failure: Failure | undefined;
}

/** A start doesn't wait for longer, and goes on as without Kafka. */
const CHECK_MS_MAX = 4_000;

/** A frame, its headers, and room. */
const MESSAGE_BYTES_MIN = 600_000;

/** Settings of a topic that is made here. */
const SETTINGS = {
  'cleanup.policy': 'delete',
  'max.message.bytes': '1048588',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
} as const;

/**
 * Looks at the topic before anything is sent to it, and makes it where that is wanted. Throws TOPIC_MISSING or TOPIC_UNUSABLE
 * with the command that helps. A Kafka that can't be asked now is no fault of the topic: the log waits for it.
 */
export async function checkTopic(
  connection: KafkaConnection,
  wish: TopicWish,
): Promise<TopicCheck> {
  const client = connection.client({ retries: 2 });
  const admin = client.kafka.admin();
  try {
    return await client.within(check(admin, connection, wish), CHECK_MS_MAX);
  } catch (error) {
    if (error instanceof WalError) throw error;
    const { options } = connection;
    return {
      told: [],
      warnings: [],
      failure: explainFailure(error, { options, topic: wish.name }),
    };
  } finally {
    client.hangUp();
    // It ends by itself: there is no connection on which it could wait.
    void admin.disconnect().catch(() => undefined);
  }
}

async function check(
  admin: Admin,
  connection: KafkaConnection,
  wish: TopicWish,
): Promise<TopicCheck> {
  await admin.connect();
  const told = await create(admin, connection, wish);
  const facts = await readFacts(admin, wish.name);
  if (facts === undefined) throw await missing(admin, connection, wish);
  const { partitions, replicas } = facts;
  const found = `the topic ${wish.name} has ${partitions} partitions, ${replicas} copies of each`;
  const warnings = judgeTopic(facts, { name: wish.name, broker: brokerOf(connection) });
  return { told: told.length > 0 ? told : [found], warnings, failure: undefined };
}

async function create(
  admin: Admin,
  connection: KafkaConnection,
  wish: TopicWish,
): Promise<readonly string[]> {
  const topics = await admin.listTopics();
  if (!wish.create || topics.includes(wish.name)) return [];
  const { brokers } = await admin.describeCluster();
  const replication = Math.min(wish.replication, brokers.length);
  const settings = {
    ...SETTINGS,
    'retention.ms': String(wish.retention),
    'min.insync.replicas': String(minInsync(replication)),
  };
  try {
    const isMade = await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: wish.name,
          numPartitions: wish.partitions,
          replicationFactor: replication,
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    // Another proxy may have been first.
    if (!isMade) return [];
  } catch (cause) {
    // Anything else is no answer: Kafka is away.
    if ((cause as Error).name !== 'KafkaJSAggregateError') throw cause;
    throw new WalError('TOPIC_MISSING', `the topic ${wish.name} cannot be made`, {
      cause,
      hint: `${(cause as Error).message}. The user needs Create on the topic; or run ${createCommand(connection, wish)}`,
    });
  }
  return [`the topic was made: ${wish.partitions} partitions, ${replication} copies of each`];
}

async function readFacts(admin: Admin, name: string): Promise<TopicFacts | undefined> {
  if (!(await admin.listTopics()).includes(name)) return undefined;
  const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
  const partitions = topics[0]?.partitions ?? [];
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  return { partitions: partitions.length, replicas, settings: await readSettings(admin, name) };
}

/** As the broker has them; empty when it may not be asked. */
export async function readSettings(admin: Admin, name: string): Promise<Record<string, string>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return Object.fromEntries(
      entries.map(({ configName, configValue }) => [configName, configValue]),
    );
  } catch (error) {
    const { type } = error as { readonly type?: string };
    // It takes a right of its own; `judgeTopic` says that nothing is known.
    if (type !== 'TOPIC_AUTHORIZATION_FAILED') throw error;
    return {};
  }
}

/** Throws TOPIC_UNUSABLE when writes would be refused or thrown away; tells what may cost data one day. */
export function judgeTopic({ replicas, settings }: TopicFacts, topic: TopicAddress): string[] {
  const { name } = topic;
  const policy = settings['cleanup.policy'];
  if (policy === undefined) return ['its settings may not be read: the user needs DescribeConfigs'];
  if (policy !== 'delete') {
    const says = `the topic ${name} has cleanup.policy ${policy}: Kafka would drop all but the last message of a lane`;
    throw unusable(topic, says, 'cleanup.policy=delete');
  }
  const bytesMax = Number(settings['max.message.bytes'] ?? 0);
  if (bytesMax < MESSAGE_BYTES_MIN) {
    const says = `the topic ${name} takes messages of at most ${bytesMax} bytes: ours have up to ${MESSAGE_BYTES_MIN}`;
    throw unusable(topic, says, 'max.message.bytes=1048588');
  }
  const insync = Number(settings['min.insync.replicas'] ?? 1);
  if (insync > replicas) {
    const says = `the topic ${name} wants ${insync} replicas in sync and has ${replicas}: it takes no writes`;
    throw unusable(topic, says, `min.insync.replicas=${minInsync(replicas)}`);
  }
  return warningsOf(settings, { replicas, insync });
}

function warningsOf(
  settings: TopicFacts['settings'],
  { replicas, insync }: { readonly replicas: number; readonly insync: number },
): string[] {
  const warnings = [];
  if (replicas < 2) warnings.push('the topic has one copy: a broker that is lost takes data along');
  else if (insync < 2) {
    warnings.push('min.insync.replicas is 1: what is acknowledged may be on one broker only');
  }
  if (settings['unclean.leader.election.enable'] === 'true') {
    warnings.push(
      'unclean.leader.election.enable is true: a change of leader may drop what was acknowledged',
    );
  }
  if (Number(settings['retention.bytes'] ?? -1) >= 0) {
    warnings.push('retention.bytes is set: a burst of writes can drop what is not archived yet');
  }
  const retentionMs = Number(settings['retention.ms'] ?? -1);
  if (retentionMs >= 0 && retentionMs < DAY_MS) {
    warnings.push('retention.ms is below a day: archivers may be away for no longer');
  }
  return warnings;
}

const DAY_MS = 86_400_000;

function minInsync(replication: number): number {
  return replication > 2 ? 2 : 1;
}

async function missing(
  admin: Admin,
  connection: KafkaConnection,
  wish: TopicWish,
): Promise<WalError> {
  const { brokers } = await admin.describeCluster();
  const replication = Math.min(wish.replication, brokers.length);
  const command = createCommand(connection, { ...wish, replication });
  return topicMissing(connection, wish.name, {
    hint: `A proxy makes it with --kafka-topic-create true; or run ${command}`,
  });
}

/** Of whoever wants to use one. */
export function topicMissing(
  { options }: KafkaConnection,
  topic: string,
  { hint, cause }: { readonly hint: string; readonly cause?: unknown },
): WalError {
  const says = `there is no topic ${topic} at ${options.brokers.join(',')}, or none that this user may see`;
  return new WalError('TOPIC_MISSING', says, { hint, cause });
}

/** Throws TOPIC_MISSING with the command that makes the topic, where that is why it could not be asked; else what was thrown. */
export async function explainMissing(
  error: unknown,
  connection: KafkaConnection,
  wish: TopicWish,
): Promise<never> {
  if (isTopicMissing(error)) await checkTopic(connection, { ...wish, create: false });
  throw error;
}

function brokerOf({ options }: KafkaConnection): string {
  return options.brokers[0] ?? '';
}

function createCommand(connection: KafkaConnection, wish: TopicWish): string {
  return [
    `kafka-topics.sh --bootstrap-server ${brokerOf(connection)} --create --topic ${wish.name}`,
    `--partitions ${wish.partitions} --replication-factor ${wish.replication}`,
    `--config retention.ms=${wish.retention} --config min.insync.replicas=${minInsync(wish.replication)}`,
  ].join(' ');
}

function unusable({ name, broker }: TopicAddress, says: string, setting: string): WalError {
  return new WalError('TOPIC_UNUSABLE', says, {
    hint: `Run kafka-configs.sh --bootstrap-server ${broker} --alter --entity-type topics --entity-name ${name} --add-config ${setting}`,
  });
}
