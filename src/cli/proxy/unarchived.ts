import { join } from 'node:path';
import { type ArchiveHome, readArchiveHome } from '../../archive/archive-home.ts';
import type { Config } from '../../config/options.ts';
import type { Logger } from '../../runtime/logger.ts';
import { DirectoryLock } from '../../wal/directory-lock.ts';

/**
 * Tells that what is logged is archived no more, though it was before: by `archive: off`, which may be a line that was lost. What the log then
 * drops is missing in the repository for good. With Kafka the archive is the topic's, and nothing is told; nor while `tsdb-wal archive` is run.
 */
export class Unarchived {
  readonly #data: string;
  readonly #logger: Logger;
  readonly #home: ArchiveHome | undefined;
  #isArchived = false;
  #isTold = false;

  private constructor(data: string, logger: Logger, home: ArchiveHome | undefined) {
    this.#data = data;
    this.#logger = logger;
    this.#home = home;
  }

  static async open(config: Config, logger: Logger): Promise<Unarchived> {
    const { archive, data, kafka } = config;
    const isMeant = archive === 'on' || kafka.brokers.length > 0;
    const unarchived = new Unarchived(data, logger, isMeant ? undefined : await homeOf(data));
    await unarchived.look();
    return unarchived;
  }

  /** For people. */
  get troubles(): readonly string[] {
    if (this.#home === undefined || this.#isArchived) return [];
    const { place } = this.#home;
    return [
      `nothing is archived: archive is off, though this directory was archived to ${place} before, and what the log drops meanwhile is missing there for good; set archive to on, or, if it is meant, move DATA/archive.json away and start again`,
    ];
  }

  /** Whether somebody else archives the log; call it once a second. */
  async look(): Promise<void> {
    if (this.#home === undefined) return;
    const archiver = await DirectoryLock.holder(join(this.#data, 'archiver')).catch(
      () => undefined,
    );
    this.#isArchived = archiver !== undefined;
    const [trouble] = this.troubles;
    if (trouble !== undefined && !this.#isTold) this.#logger.warn(trouble);
    this.#isTold = trouble !== undefined;
  }
}

/** One that cannot be read tells nothing. */
async function homeOf(data: string): Promise<ArchiveHome | undefined> {
  return readArchiveHome(data).catch(() => undefined);
}
