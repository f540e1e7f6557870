import { hostname } from 'node:os';
import { join } from 'node:path';
import { archivedBefore } from '../write/archive-cursor.ts';
import { CoverageWatch } from '../holdings/coverage-watch.ts';
import { readOpenings } from '../write/lane-opening.ts';
import { mayBeWrittenTo } from '../format/object-names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { formatInstant } from '../../runtime/instant.ts';
import {
  archivingEvents,
  archivingOptions,
  type Watchers,
  memoryMbOf,
  type Surroundings,
  type Task,
} from './archiving.ts';
import { Backlog } from './backlog.ts';
import type { ArchiverReport } from './archiver-report.ts';
import { findLeftOpen } from './new-here.ts';
import { giveWay } from './give-way.ts';
import { LaneRegistrar } from './lane-registrar.ts';
import { VERSION } from '../../runtime/version.ts';

const LIMITS = {
  /** The first lane is waited for so long before the rest begins. */
  registerMsMax: 10_000,
  memoryIntervalMs: 10_000,
  /** What a killed process left half written is removed once it is so old: nothing takes that long to write. */
  leftoverMsMin: 86_400_000,
} as const;

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
    await createArchiver(around, registrar, { watch, backlog }),
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

async function createArchiver(
  around: Surroundings,
  registrar: LaneRegistrar,
  watchers: Watchers,
): Promise<Task> {
  const { config, report, logger, topic } = around;
  if (topic !== undefined) {
    // The client of Kafka is loaded only where there is a Kafka.
    const { createTopicArchiver } = await import('./create-topic-archiver.ts');
    return createTopicArchiver(around, topic, watchers);
  }
  const { Archiver } = await import('../write/archiver.ts');
  return new Archiver({
    data: config.data,
    ...(await archivingOptions(around)),
    register: async (segments) => registrar.register(await readOpenings(segments)),
    events: {
      ...archivingEvents(around, watchers),
      passed: (position) => report.send({ kind: 'passed', position }),
      hole: (hole) => logger.error({ ...hole }, 'records of the log cannot be archived'),
    },
  });
}

async function createMerger(
  { config, repository, folder, logger }: Surroundings,
  { watch, backlog }: Watchers,
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
