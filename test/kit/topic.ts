import { randomBytes } from 'node:crypto';
import type { Admin } from 'kafkajs';
import { KafkaConnection } from '../../src/kafka/connection.ts';
import { until } from './until.ts';

/** kafkajs's own tries, where a test asks a broker once. */
const RETRIES = 5;

/** To a broker of the test stack, without TLS and users. */
export function connectTo(brokers: string): Promise<KafkaConnection> {
  return KafkaConnection.open({
    brokers: [brokers],
    compression: 'gzip',
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    tls: 'off',
    tlsCa: '',
    tlsCert: '',
    tlsKey: '',
    sasl: 'none',
    username: '',
    passwordFile: '',
  });
}

export async function asAdmin<Result>(
  connection: KafkaConnection,
  task: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const admin = connection.client({ retries: RETRIES }).kafka.admin();
  await admin.connect();
  try {
    return await task(admin);
  } finally {
    await admin.disconnect();
  }
}

export function randomTopic(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

export async function makeTopic(
  connection: KafkaConnection,
  topic: string,
  numPartitions: number,
): Promise<void> {
  // Kafka drops what is old by its timestamp, every five minutes, and tests write records of any time.
  const configEntries = [{ name: 'retention.ms', value: '-1' }];
  const topics = [{ topic, numPartitions, configEntries }];
  await asAdmin(connection, (admin) => admin.createTopics({ topics, waitForLeaders: true }));
}

/** Resolves once it is gone. */
export async function deleteTopic(connection: KafkaConnection, topic: string): Promise<void> {
  await asAdmin(connection, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await until(async () => !(await admin.listTopics()).includes(topic), `${topic} is gone`);
  });
}
