import { join } from 'node:path';
import type { Config } from '../../config/options.ts';
import type { KafkaConnection } from '../../kafka/connection.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { VERSION } from '../../runtime/version.ts';
import type { CoverageWatch } from '../holdings/coverage-watch.ts';
import type { Repository } from '../repository.ts';
import type { ArchiverOptions } from '../write/archiver.ts';
import type { JoinedRepository } from '../write/join-repository.ts';
import type { ArchiverReport } from './archiver-report.ts';
import type { Backlog } from './backlog.ts';
import type { TopicArchiveStatus } from './topic-archive-status.ts';

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

export interface TopicSide {
  readonly connection: KafkaConnection;
  /** Told how long the topic keeps what is not archived. */
  readonly status: TopicArchiveStatus;
}

/** They are told of what was archived. */
export interface Watchers {
  readonly watch: CoverageWatch;
  readonly backlog: Backlog;
}

export interface Task {
  run(signal: AbortSignal): Promise<void>;
}

/** What archiving a log and archiving a topic need alike. */
export async function archivingOptions({ config, repository, folder }: Surroundings) {
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

export function archivingEvents(
  { report, logger }: Surroundings,
  { watch, backlog }: Watchers,
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

/** One half for what comes in, one for merging. */
export function memoryMbOf({ archiver }: Config): number {
  return Math.floor(archiver.memoryBytes / 2 / 1_048_576);
}
