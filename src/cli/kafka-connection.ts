import type { Config } from '../config/options.ts';
import { KafkaConnection } from '../kafka/connection.ts';
import type { Logger } from '../runtime/logger.ts';

/** Throws CONFIG_INVALID. */
export async function connectionOf({ kafka }: Config, logger: Logger): Promise<KafkaConnection> {
  // What is an error to the client library is tried again here, and told where it hinders.
  return KafkaConnection.open(kafka, ({ text }) => logger.debug({ text }, 'kafka client'));
}
