import { join } from 'node:path';
import { openLog } from '../../archive/tail/log-tail.ts';
import { openRepository } from '../../archive/repository.ts';
import { explainMissing } from '../../kafka/topic-check.ts';
import { TopicPartitions } from '../../kafka/topic-partitions.ts';
import { isBeginning } from '../../record/lane-end.ts';
import { systemClock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Logger } from '../../runtime/logger.ts';
import { isToFollowAgain } from '../target/drain.ts';
import { LogSource } from '../source/log-source.ts';
import { beginningAt, type Place } from '../place.ts';
import type { StateDirectory } from '../target/state-directory.ts';
import type { StandbySource } from '../source/standby-source.ts';
import { fedByProxies } from '../source/target-watch.ts';
import { TopicSource } from '../topic/topic-source.ts';
import { Cursor } from '../../wal/cursor.ts';
import { openConnection } from '../../kafka/open-connection.ts';
import { TOPIC_UNREAD } from '../../archive/topic/topic-unread.ts';
import { BYPASSED } from './standby-report.ts';
import type { StandbyRequest } from './standby-request.ts';

/** What a standby follows. */
export interface Followed {
  readonly source: StandbySource;
  /** As people name it. */
  readonly named: { readonly kind: 'data' | 'topic' | 'repository'; readonly place: string };
  /** What a target contains of which nothing is known yet. Throws CONFIG_INVALID when that must be said. */
  begin(): Promise<Place>;
}

/**
 * A topic where Kafka is named; else a repository, when that is all that is named; else the log of the data directory. `onBypass`: a
 * change went round the log; only the source that gives no frame with it calls this. `state`: what earlier starts knew of it.
 */
export async function openFollowed(
  request: StandbyRequest,
  logger: Logger,
  onBypass: () => void,
  state?: StateDirectory,
): Promise<Followed> {
  const { config, repository, isData } = request;
  if (config.kafka.brokers.length > 0)
    return openTopic(request, logger, state?.state.beganOldestMs);
  if (repository === undefined || isData) return openData(request, logger, state);
  return openArchive(request, repository, { logger, onBypass, state });
}

const DUCKDB_LIMITS = { memoryMb: 300, threads: 2 } as const;

interface ArchiveParts {
  readonly logger: Logger;
  readonly onBypass: () => void;
  readonly state: StateDirectory | undefined;
}

async function openArchive(
  request: StandbyRequest,
  place: string,
  { logger, onBypass, state }: ArchiveParts,
): Promise<Followed> {
  // DuckDB is loaded for it only.
  const { RepositorySource } = await import('../repository/repository-source.ts');
  const { Duckdb } = await import('../../archive/duckdb.ts');
  const repository = await openRepository(place);
  const duckdb = await Duckdb.open({ scratch: join(request.state, 'duckdb'), ...DUCKDB_LIMITS });
  const source = new RepositorySource({
    repository,
    duckdb,
    clock: systemClock,
    damaged: state?.state.damaged ?? [],
    events: {
      losing: (damaged) =>
        void state?.save({ damaged }).catch((error: unknown) => {
          const { message: reason } = error as Error;
          logger.error({ reason }, 'what is damaged cannot be written down');
        }),
      bypassed: ({ receivedAt, method, path }) => {
        onBypass();
        logger.warn({ at: formatInstant(receivedAt), method, path }, BYPASSED);
      },
      damaged: (object, reason) => logger.error({ object, reason }, 'damage in the repository'),
    },
  });
  return {
    source,
    named: { kind: 'repository', place },
    // What a target contains that was not given all of it first.
    begin: () =>
      Promise.resolve(beginningAt(request.begin.kind === 'at' ? request.begin.ms : null)),
  };
}

async function openData(
  request: StandbyRequest,
  logger: Logger,
  state: StateDirectory | undefined,
): Promise<Followed> {
  const { data } = request.config;
  const log = await openLog(data);
  // Whose target was made the primary sends nothing, and tells so.
  const isOver =
    state?.state.promotion.kind === 'promoted' &&
    !isToFollowAgain(state.state, request.isFollowingAgain);
  if (!isOver) await assertNotPrimary(request);
  if (await Cursor.isThere(data, 'kafka')) logger.warn(TOPIC_UNREAD.followed);
  const [oldest] = log.segments;
  const isWhole = oldest === undefined || isBeginning(oldest);
  return {
    source: new LogSource(log),
    named: { kind: 'data', place: data },
    begin: () => Promise.resolve(beginOf(request, isWhole, 'the log')),
  };
}

/** Throws TARGET_IS_PRIMARY when the proxy of the log feeds the target itself, as far as addresses tell. A repository doesn't know whom its proxies feed, and a topic only since a promotion. */
async function assertNotPrimary({ config: { data }, target }: StandbyRequest): Promise<void> {
  const primary = await Cursor.ownerOf(data, 'primary');
  if (primary !== target.origin) return;
  throw fedByProxies(primary, `the proxy of ${data} feeds itself`);
}

async function openTopic(
  request: StandbyRequest,
  logger: Logger,
  beganOldestMs: number | undefined,
): Promise<Followed> {
  const { config, begin } = request;
  const connection = await openConnection(config.kafka, logger);
  const clock = systemClock;
  const { name } = config.kafka.topic;
  const topic = new TopicPartitions({
    connection,
    topic: name,
    clock,
    explain: (error) => explainMissing(error, connection, config.kafka.topic),
  });
  const source = new TopicSource({
    topic,
    clock,
    isAnyBeginningRight: begin.kind === 'oldest',
    beganOldestMs,
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
