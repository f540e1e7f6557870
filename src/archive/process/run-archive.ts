import { joinForTopic, type JoinedRepository, joinRepository } from '../write/join-repository.ts';
import type { Config } from '../../config/options.ts';
import type { KafkaConnection } from '../../kafka/connection.ts';
import { systemClock } from '../../runtime/clock.ts';
import { makeFolder } from '../../runtime/durable-file.ts';
import { WalError } from '../../runtime/errors.ts';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { assertLog } from '../../wal/worker-logs.ts';
import { DirectoryLock } from '../../wal/directory-lock.ts';
import type { FromArchiver } from './archive-messages.ts';
import { runArchiverTasks } from './archiver-tasks.ts';
import { archiverFolder, markArchiver } from './archiver-folder.ts';
import { ArchiverReport } from './archiver-report.ts';
import type { TopicArchiveAdmin } from './topic-archive-admin.ts';

/** After it was told to stop, what is under way may take so long. */
const STOP_MS_MAX = 4_000;

/** One that is ending, as after a restart of both, is waited for. */
const LOCKED_MS_MAX = STOP_MS_MAX + 2_000;

/**
 * Archives the log of a data directory, or a topic, until told to stop: as the child of `start`, or by hand.
 *
 * Order: the lock, so that one process moves the cursor; the repository; lanes, as the parent names them; then what
 * the log holds. Each is tried again for as long as it fails. Throws DATA_LOCKED when another archiver has the directory, and goes on having it.
 */
export async function runArchive(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel).child({ component: 'archiver' });
  const stop = new AbortController();
  const hasKafka = config.kafka.brokers.length > 0;
  const admin = hasKafka ? await createAdmin(config, logger) : undefined;
  const status = admin?.status;
  const onTold = status && ((message: FromArchiver) => status.told(message));
  const report = new ArchiverReport(logger, () => stop.abort(), onTold);
  // A proxy has made the log of its child. Of a wrong path nothing may be made, nor a repository for it.
  if (!hasKafka && !report.hasParent) await assertLog(config.data);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Sent to all processes of a service or a terminal: the parent needs the archiver to the end of its own.
    process.on(signal, () => report.hasParent || stop.abort());
  }
  stop.signal.addEventListener('abort', endInTime, { once: true });
  const kafka = hasKafka ? await openKafka(config, logger) : undefined;
  const folder = archiverFolder(config.data);
  const lock = await takeLock(config.data, report, stop.signal);
  if (lock === undefined) return;
  await admin?.start();
  try {
    const join = hasKafka ? joinForTopic : joinRepository;
    const joined = await report.persist('start', stop.signal, () =>
      join(config.data, config.repository, Date.now()),
    );
    if (joined === undefined) return;
    tellJoined(joined, hasKafka ? 'topic' : 'log', logger);
    const { repository, history } = joined;
    const { signal } = stop;
    const around = { config, repository, history, folder, report, logger, signal };
    await runArchiverTasks({ ...around, topic: kafka && status && { connection: kafka, status } });
  } finally {
    await admin?.close();
    await lock.release();
  }
}

/**
 * Undefined when the signal aborts before. The child of a proxy waits for as long as it takes: that takes writes meanwhile. One that was run by
 * itself throws DATA_LOCKED, as others do that find their directory in use.
 */
async function takeLock(
  data: string,
  report: ArchiverReport,
  signal: AbortSignal,
): Promise<DirectoryLock | undefined> {
  const folder = archiverFolder(data);
  const sinceMs = systemClock.monotonicMs();
  const isFinal = (error: unknown): boolean =>
    !report.hasParent &&
    error instanceof WalError &&
    error.code === 'DATA_LOCKED' &&
    systemClock.monotonicMs() - sinceMs > LOCKED_MS_MAX;
  const take = async (): Promise<DirectoryLock> => {
    await makeFolder(folder);
    const acquired = await DirectoryLock.acquire(folder);
    await markArchiver(data, !report.hasParent);
    return acquired;
  };
  return report.persist('start', signal, take, isFinal);
}

/** The child of a proxy does without what this needs. */
async function openKafka(config: Config, logger: Logger): Promise<KafkaConnection> {
  const { openConnection } = await import('../../kafka/open-connection.ts');
  return openConnection(config.kafka, logger);
}

/** The child of a proxy does without what it needs for that. */
async function createAdmin(config: Config, logger: Logger): Promise<TopicArchiveAdmin> {
  const { TopicArchiveAdmin: Admin } = await import('./topic-archive-admin.ts');
  return new Admin(config, logger);
}

/** A file operation on a share whose server is gone can't be waited for, nor can such a process exit in order. */
function endInTime(): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_MS_MAX).unref();
}

function tellJoined(
  { repository: { place, id }, history }: JoinedRepository,
  source: 'log' | 'topic',
  logger: Logger,
): void {
  logger.info({ place, id }, 'archiving');
  if (history === 'back') {
    logger.info(
      `this repository was archived to before the last one: what the ${source} has is archived here, too`,
    );
  }
  if (history !== 'other') return;
  const what =
    source === 'log'
      ? 'its history begins anew in this one'
      : 'that gets nothing more from here, and this one what the topic still has';
  logger.warn({ place, id }, `this directory was archived to another repository before: ${what}`);
}
