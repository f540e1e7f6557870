import { TopicPartitions } from '../kafka/topic-partitions.ts';
import { systemClock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { LogSource } from '../standby/log-source.ts';
import { beginningAt, type Place } from '../standby/place.ts';
import type { StandbySource } from '../standby/standby-source.ts';
import { TopicSource } from '../standby/topic-source.ts';
import { PublishedLog } from '../wal/published-log.ts';
import { connectionOf } from './kafka-connection.ts';
import type { StandbyRequest } from './standby-request.ts';

/** What a standby follows. */
export interface Followed {
  readonly source: StandbySource;
  /** As people name it. */
  readonly named: { readonly kind: 'data' | 'topic'; readonly place: string };
  /** What a target contains of which nothing is known yet. Throws CONFIG_INVALID when that must be said. */
  begin(): Promise<Place>;
}

/** A topic where Kafka is named, else the log of the data directory. */
export async function openFollowed(request: StandbyRequest, logger: Logger): Promise<Followed> {
  const { config } = request;
  return config.kafka.brokers.length > 0 ? openTopic(request, logger) : openLog(request);
}

async function openLog(request: StandbyRequest): Promise<Followed> {
  const { data } = request.config;
  const log = await PublishedLog.open(data);
  const [oldest] = log.segments;
  const isWhole = oldest === undefined || (oldest.ordinal === 1 && oldest.firstSeq === 1);
  return {
    source: new LogSource(log),
    named: { kind: 'data', place: data },
    begin: () => Promise.resolve(beginOf(request, isWhole, 'the log')),
  };
}

async function openTopic(request: StandbyRequest, logger: Logger): Promise<Followed> {
  const { config, begin } = request;
  const connection = await connectionOf(config, logger);
  const clock = systemClock;
  const { name } = config.kafka.topic;
  const topic = new TopicPartitions({ connection, topic: name, clock });
  const source = new TopicSource({
    topic,
    clock,
    isAnyBeginningRight: begin.kind === 'oldest',
    onForeign: ({ partition, offset, reason }) =>
      logger.warn({ partition, offset, reason }, 'a message is none of ours: it is passed over'),
  });
  return {
    source,
    named: { kind: 'topic', place: `${config.kafka.brokers.join(',')}/${name}` },
    begin: async () => {
      const ranges = await topic.ranges();
      const isWhole = [...ranges.values()].every(({ low }) => low === 0);
      return beginOf(request, isWhole, 'the topic');
    },
  };
}

function beginOf({ begin }: StandbyRequest, isWhole: boolean, what: string): Place {
  if (begin.kind === 'at') return beginningAt(begin.ms);
  if (begin.kind === 'oldest' || isWhole) return beginningAt(null);
  throw new WalError('CONFIG_INVALID', `${what} does not go back to the first write any more`, {
    hint: `Restore the target, and say by --begin TIME to when. --begin oldest does without what is older than ${what}.`,
  });
}
