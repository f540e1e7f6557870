import type { TopicRead } from '../record/topic-read.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KafkaConnection } from './connection.ts';
import type { OffsetRange } from './fetch-session.ts';
import { TopicReader } from './topic-reader.ts';
import { Topic } from './topic.ts';

/** All that is in a topic now, the oldest of each partition first. Rejects when the topic can't be asked. */
export async function* surveyTopic(
  source: { readonly connection: KafkaConnection; readonly topic: string; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<TopicRead> {
  const ranges = await new Topic(source.connection, source.topic).ranges();
  const from = new Map([...ranges].map(([partition, { low }]) => [partition, low]));
  const reader = new TopicReader({ ...source, from });
  try {
    while (!signal.aborted && !hasReached(reader.positions, ranges)) {
      const read = await reader.next(signal);
      if (read !== undefined) yield read;
    }
  } finally {
    await reader.close();
  }
}

function hasReached(
  positions: ReadonlyMap<number, number>,
  ranges: ReadonlyMap<number, OffsetRange>,
): boolean {
  return [...ranges].every(([partition, { high }]) => (positions.get(partition) ?? 0) >= high);
}
