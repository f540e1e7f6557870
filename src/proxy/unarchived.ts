import { type ArchiveHome, readArchiveHome } from '../archive/write/archive-home.ts';
import type { Config } from '../config/options.ts';
import type { Clock } from '../runtime/clock.ts';
import { isThere } from '../runtime/is-there.ts';
import type { Logger } from '../runtime/logger.ts';
import { DirectoryLock, type LockHolder } from '../wal/directory-lock.ts';
import { archiverFolder, archiverMark } from '../archive/process/archiver-folder.ts';

const LIMITS = {
  /** One that ends sooner, again and again, archives nothing. */
  runMsMin: 10_000,
  /** Who is started again, as by systemd, or after the proxy, is not missed for so long. */
  absentMsMax: 60_000,
} as const;

/**
 * Tells that what is logged is archived no more, though it was before: by `archive: off`, which may be a line that was lost. What the log then
 * drops is missing in the repository for good. With Kafka the archive is the topic's, and nothing is told; nor while `tsdb-wal archive` is run,
 * or was a moment ago, by a process that lasts.
 */
export class Unarchived {
  readonly #data: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #home: ArchiveHome | undefined;
  /** Whether the last archiver was one that was run by itself. */
  #isApart = false;
  #archiver: { readonly holder: LockHolder; readonly sinceMs: number } | undefined;
  /** When there was an archiver that counts. */
  #archivedMs = -Infinity;
  #isTold = false;

  private constructor(
    { data }: Config,
    parts: {
      readonly logger: Logger;
      readonly clock: Clock;
      readonly home: ArchiveHome | undefined;
    },
  ) {
    this.#data = data;
    this.#logger = parts.logger;
    this.#clock = parts.clock;
    this.#home = parts.home;
  }

  static async open(config: Config, logger: Logger, clock: Clock): Promise<Unarchived> {
    const { archive, data, kafka } = config;
    const isMeant = archive === 'on' || kafka.brokers.length > 0;
    const home = isMeant ? undefined : await homeOf(data);
    const unarchived = new Unarchived(config, { logger, clock, home });
    await unarchived.#begin();
    return unarchived;
  }

  /** For people. */
  get troubles(): readonly string[] {
    if (this.#home === undefined || this.#isArchived) return [];
    const { place } = this.#home;
    const who = this.#isApart
      ? 'no `tsdb-wal archive` runs on this directory, as one did before, or none that lasts, and archive is off'
      : 'archive is off';
    const how = this.#isApart ? 'start that again, or set archive to on' : 'set archive to on';
    return [
      `nothing is archived: ${who}, though this directory was archived to ${place} before, and what the log drops meanwhile is missing there for good; ${how}, or, if it is meant, move DATA/archive.json away and start again`,
    ];
  }

  /** Whether somebody else archives the log; call it once a second. */
  async look(): Promise<void> {
    if (this.#home === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const holder = await this.#holder();
    if (holder === undefined) this.#archiver = undefined;
    else if (!isSame(holder, this.#archiver?.holder)) {
      this.#archiver = { holder, sinceMs: nowMs };
      // The first one ends what was told at once: whether it lasts shows later.
      if (!this.#isApart) this.#archivedMs = nowMs;
      this.#isApart = true;
    }
    const { sinceMs = Infinity } = this.#archiver ?? {};
    if (nowMs - sinceMs >= LIMITS.runMsMin) this.#archivedMs = nowMs;
    const [trouble] = this.troubles;
    if (trouble !== undefined && !this.#isTold) this.#logger.warn(trouble);
    this.#isTold = trouble !== undefined;
  }

  /** One that runs counts at once, and one that ran by itself before is given time to come. */
  async #begin(): Promise<void> {
    if (this.#home === undefined) return;
    this.#isApart = await isThere(archiverMark(this.#data));
    const isExpected = this.#isApart || (await this.#holder()) !== undefined;
    if (isExpected) this.#archivedMs = this.#clock.monotonicMs();
    await this.look();
  }

  get #isArchived(): boolean {
    const { absentMsMax, runMsMin } = LIMITS;
    return this.#clock.monotonicMs() - this.#archivedMs < absentMsMax + runMsMin;
  }

  async #holder(): Promise<LockHolder | undefined> {
    return DirectoryLock.holder(archiverFolder(this.#data)).catch(() => undefined);
  }
}

function isSame(one: LockHolder, other: LockHolder | undefined): boolean {
  return one.pid === other?.pid && one.started === other.started && one.host === other.host;
}

/** One that cannot be read tells nothing. */
async function homeOf(data: string): Promise<ArchiveHome | undefined> {
  return readArchiveHome(data).catch(() => undefined);
}
