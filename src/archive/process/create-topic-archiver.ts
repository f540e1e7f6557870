import { GroupSource } from '../../kafka/group-source.ts';
import { RetentionWatch } from '../../kafka/retention-watch.ts';
import { explainMissing } from '../../kafka/topic-check.ts';
import { systemClock } from '../../runtime/clock.ts';
import { TopicArchiver } from '../topic/topic-archiver.ts';
import {
  archivingEvents,
  archivingOptions,
  type Watchers,
  type Surroundings,
  type Task,
  type TopicSide,
} from './archiving.ts';
import { tellNewTopic } from './new-here.ts';

/**
 * As one of those who share the topic's partitions for this repository. Another repository, and another topic, has a group of its own: who shares out
 * knows the partitions of one topic only, and would give members of another ones that they do not read.
 */
export async function createTopicArchiver(
  around: Surroundings,
  { connection, status }: TopicSide,
  watchers: Watchers,
): Promise<Task> {
  const { config, repository, report, logger } = around;
  const source = await GroupSource.open({
    connection,
    topic: config.kafka.topic.name,
    groupId: `tsdb-wal-archive-${repository.id}-${config.kafka.topic.name}`,
    clock: systemClock,
    onHindered: (reason) => report.hinder('topic', reason),
  }).catch((error: unknown) => explainMissing(error, connection, config.kafka.topic));
  const archiver = new TopicArchiver({
    source,
    ...(await archivingOptions(around)),
    events: {
      ...archivingEvents(around, watchers),
      hole: (hole) => logger.error({ ...hole }, 'records of the topic cannot be archived'),
      foreign: ({ partition, offset, reason }) =>
        logger.warn({ partition, offset, reason }, 'a message of the topic is none of ours'),
      lost: ({ partition, from, to }) =>
        logger.warn({ partition, from, to }, 'the topic does not have what was to come next'),
      assigned: (partitions) => logger.info({ partitions }, 'partitions are shared out'),
    },
  });
  // Before the first of its lanes is registered. What can't be listed now is told by the watch.
  const told = await tellNewTopic(repository, config.kafka.topic.name).catch(() => undefined);
  if (told !== undefined) logger.warn(told);
  const retention = new RetentionWatch({
    connection,
    topic: config.kafka.topic.name,
    clock: systemClock,
    archived: () => archiver.settledOffsets,
    told: (headroom) => status.toldHeadroom(headroom, archiver.settledOffsets ?? new Map()),
  });
  return {
    run: async (signal) => {
      await Promise.all([source.run(signal), archiver.run(signal), retention.run(signal)]);
    },
  };
}
