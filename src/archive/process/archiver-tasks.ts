import { hostname } from 'node:os';
import { join } from 'node:path';
import { archivedBefore } from '../write/archive-cursor.ts';
import type { ArchiverOptions } from '../write/archiver.ts';
import { CoverageWatch } from '../holdings/coverage-watch.ts';
import type { JoinedRepository } from '../write/join-repository.ts';
import { readOpenings } from '../write/lane-opening.ts';
import type { Repository } from '../repository.ts';
import type { Config } from '../../config/options.ts';
import type { KafkaConnection } from '../../kafka/connection.ts';
import { GroupSource } from '../../kafka/group-source.ts';
import { explainMissing } from '../../kafka/topic-check.ts';
import { RetentionWatch } from '../../kafka/retention-watch.ts';
import { mayBeWrittenTo } from '../format/object-names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Backlog } from './backlog.ts';
import type { ArchiverReport } from './archiver-report.ts';
import { findLeftOpen, tellNewTopic } from './new-here.ts';
import { giveWay } from './give-way.ts';
import { LaneRegistrar } from './lane-registrar.ts';
import type { TopicArchiveStatus } from './topic-archive-status.ts';
import { VERSION } from '../../runtime/version.ts';

const LIMITS = {
  /** The first lane is waited for so long before the rest begins. */
  registerMsMax: 10_000,
  memoryIntervalMs: 10_000,
  /** What a killed process left half written is removed once it is so old: nothing takes that long to write. */
  leftoverMsMin: 86_400_000,
} as const;

export interface Surroundings {
  readonly config: Config;
  readonly repository: Repository;
  /** Of the data directory in this repository. */
  readonly history: JoinedRepository['history'];
  /** The archiver's own, below the data directory. */
  readonly folder: string;
  readonly report: ArchiverReport;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Where what is archived comes from a topic, and not from the log of the data directory. */
  readonly topic: TopicSide | undefined;
}

interface TopicSide {
  readonly connection: KafkaConnection;
  /** Told how long the topic keeps what is not archived. */
  readonly status: TopicArchiveStatus;
}

/** All that an archiver does at once, until the signal aborts. Rejects on what only a new process can mend. */
export async function runArchiverTasks(around: Surroundings): Promise<void> {
  const { config, repository, report, logger, signal } = around;
  const { data } = config;
  const position = (await archivedBefore(data)) ?? null;
  report.send({ kind: 'joined', id: repository.id, position });
  const registrar = new LaneRegistrar({
    repository,
    data,
    host: hostname(),
    clock: systemClock,
    registered: (lane) => report.send({ kind: 'registered', lane }),
    unregistered: (lane, reason) => report.send({ kind: 'unregistered', lane, reason }),
  });
  report.onMessage(({ openings }) => registrar.want(openings));
  const watch = new CoverageWatch({
    repository,
    clock: systemClock,
    // Of a topic each lane comes from elsewhere.
    own: () => (around.topic === undefined ? registrar.lanes : new Set()),
    events: {
      covered: (covered) => report.send({ kind: 'covered', report: covered }),
      silent: ({ lane, host, toMs }, told) =>
        logger.warn({ lane, host, archivedTo: formatInstant(toMs) }, told),
      unreadable: (reason) => report.hinder('listing', reason),
    },
  });
  await Promise.all([
    registrar.run(signal),
    watch.run(signal),
    tellMemory(report, signal),
    tellLeftOpen(around, registrar),
    archiveAndMerge(around, registrar, watch),
  ]);
}

async function tellMemory(report: ArchiverReport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    report.send({ kind: 'memory', residentBytes: process.memoryUsage.rss() });
    await systemClock.sleep(LIMITS.memoryIntervalMs, signal);
  }
}

/** What can't be listed now is told by the watch. */
async function tellLeftOpen(around: Surroundings, registrar: LaneRegistrar): Promise<void> {
  const { config, repository, history, logger, signal } = around;
  if (history === 'known' || around.topic !== undefined) return;
  await registrar.untilFirst(Infinity, signal);
  const own = registrar.lanes;
  if (own === undefined) return;
  const now = systemClock.now();
  const of = { repository, data: config.data, own, host: hostname(), now };
  const left = await findLeftOpen(of).catch(() => undefined);
  if (left !== undefined) logger.warn({ lanes: left.lanes }, left.told);
}

/** Registering comes first, at full speed, since writes wait for it; and also where DuckDB can't be loaded. */
async function archiveAndMerge(
  around: Surroundings,
  registrar: LaneRegistrar,
  watch: CoverageWatch,
): Promise<void> {
  const { config, report, logger, signal } = around;
  if (report.hasParent) await registrar.untilFirst(LIMITS.registerMsMax, signal);
  const missed = await giveWay(config.archiver.priority);
  if (missed !== undefined) {
    logger.info({ reason: missed }, 'no idle class, which takes chrt of util-linux: nice 19');
  }
  const backlog = new Backlog(systemClock);
  const tasks = await report.persist('archiving', signal, async () => [
    around.topic === undefined
      ? await createArchiver(around, registrar, { watch, backlog })
      : await createTopicArchiver(around, around.topic, { watch, backlog }),
    await createMerger(around, { watch, backlog }),
  ]);
  const running = (tasks ?? []).map((task) => task.run(signal));
  await Promise.all([...running, sweepLeftovers(around)]);
}

/** Of a merge that is killed each time, these would fill the disk. */
async function sweepLeftovers({ repository, logger, signal }: Surroundings): Promise<void> {
  try {
    const since = systemClock.now() - LIMITS.leftoverMsMin;
    const files = await repository.store.removeLeftovers(since, signal, mayBeWrittenTo(since));
    if (files > 0) logger.info({ files }, 'what killed processes left half written is removed');
  } catch (error) {
    const reason = (error as Error).message;
    logger.warn({ reason }, 'what killed processes left half written cannot be removed');
  }
}

interface Followed {
  readonly watch: CoverageWatch;
  readonly backlog: Backlog;
}

interface Task {
  run(signal: AbortSignal): Promise<void>;
}

async function createArchiver(
  around: Surroundings,
  registrar: LaneRegistrar,
  followed: Followed,
): Promise<Task> {
  const { config, report, logger } = around;
  const { Archiver } = await import('../write/archiver.ts');
  return new Archiver({
    data: config.data,
    ...(await archivingOptions(around)),
    register: async (segments) => registrar.register(await readOpenings(segments)),
    events: {
      ...archivingEvents(around, followed),
      passed: (position) => report.send({ kind: 'passed', position }),
      hole: (hole) => logger.error({ ...hole }, 'records of the log cannot be archived'),
    },
  });
}

/**
 * As one of those who share the topic's partitions for this repository. Another repository, and another topic, has a group of its own: who shares out
 * knows the partitions of one topic only, and would give members of another ones that they do not read.
 */
async function createTopicArchiver(
  around: Surroundings,
  { connection, status }: TopicSide,
  followed: Followed,
): Promise<Task> {
  const { config, repository, report, logger } = around;
  const { TopicArchiver } = await import('../topic/topic-archiver.ts');
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
      ...archivingEvents(around, followed),
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

/** What archiving a log and archiving a topic need alike. */
async function archivingOptions({ config, repository, folder }: Surroundings) {
  const { Duckdb } = await import('../duckdb.ts');
  const spill = join(folder, 'spill');
  return {
    repository,
    duckdb: await Duckdb.open({ scratch: spill, memoryMb: memoryMbOf(config), threads: 1 }),
    folder: join(folder, 'segments'),
    clock: systemClock,
    random: Math.random,
    version: VERSION,
  };
}

function archivingEvents(
  { report, logger }: Surroundings,
  { watch, backlog }: Followed,
): Pick<ArchiverOptions['events'], 'archived' | 'state'> {
  return {
    archived: (last, sidecar) => {
      const { points, data, toMs } = sidecar;
      logger.debug({ last, points }, 'segment archived');
      watch.added(sidecar);
      backlog.archived(toMs);
      report.send({ kind: 'archived', segment: { points, bytes: data?.bytes ?? 0 } });
    },
    state: (state) =>
      report.hinder('archiving', state.kind === 'hindered' ? state.reason : undefined),
  };
}

async function createMerger(
  { config, repository, folder, logger }: Surroundings,
  { watch, backlog }: Followed,
): Promise<Task> {
  const { Merger } = await import('../merge/merger.ts');
  return new Merger({
    repository,
    clock: systemClock,
    writer: `tsdb-wal ${VERSION}`,
    folder: join(folder, 'merging'),
    memoryMb: memoryMbOf(config),
    isBehind: () => backlog.isBehind(),
    events: {
      merged: (sidecar, parts) => {
        const { lane, level, firstSeq, lastSeq } = sidecar;
        logger.debug({ lane, level, firstSeq, lastSeq, parts }, 'segments merged');
        watch.added(sidecar);
      },
      blocked: (object, reason) => logger.error({ object, reason }, 'segments cannot be merged'),
      indexed: (months) => logger.info({ months }, 'months indexed'),
      hindered: (reason) => {
        if (reason === undefined) logger.info('merging goes on');
        else logger.warn({ reason }, 'merging fails: it is tried again');
      },
    },
  });
}

/** One half for what comes in, one for merging. */
function memoryMbOf({ archiver }: Config): number {
  return Math.floor(archiver.memoryBytes / 2 / 1_048_576);
}
