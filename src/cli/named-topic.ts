import type { TopicLog } from '../archive/topic/topic-log.ts';
import type { Config } from '../config/options.ts';
import { BoundedTopic } from '../kafka/bounded-topic.ts';
import { KafkaConnection } from '../kafka/connection.ts';
import { systemClock } from '../runtime/clock.ts';

const HINT =
  'Without --kafka the same is done with what is archived, up to its safe time. Else see that the brokers run, and that --kafka and --topic name them.';

/** The topic of a configuration, to look at; it is connected to when it is first asked. Throws CONFIG_INVALID. */
export async function openNamedTopic({ kafka }: Config): Promise<TopicLog> {
  const connection = await KafkaConnection.open(kafka);
  return new BoundedTopic({ connection, topic: kafka.topic.name, clock: systemClock, hint: HINT });
}
