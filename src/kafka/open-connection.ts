import { KafkaConnection, type KafkaOptions } from './connection.ts';
import type { Logger } from '../runtime/logger.ts';

/** That of a process that goes on without Kafka. Throws CONFIG_INVALID. */
export async function openConnection(
  kafka: KafkaOptions,
  logger: Logger,
): Promise<KafkaConnection> {
  // What is an error to the client library is tried again here, and told where it hinders.
  return KafkaConnection.open(kafka, ({ text }) => logger.debug({ text }, 'kafka client'));
}
