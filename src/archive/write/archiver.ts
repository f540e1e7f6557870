import { mkdir, rm } from 'node:fs/promises';
import type { Hole } from '../../record/control.ts';
import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { Cursor } from '../../wal/cursor.ts';
import type { Segment } from '../../wal/log-files.ts';
import { LogReader } from '../../wal/log-reader.ts';
import { PublishedLog } from '../../wal/published-log.ts';
import { ARCHIVE_CURSOR } from './archive-cursor.ts';
import { ArchiveWalk } from './archive-walk.ts';
import type { Duckdb } from '../duckdb.ts';
import { type ArchiverState, Persistence } from '../persistence.ts';
import type { Repository } from '../repository.ts';
import type { Sidecar } from '../format/sidecar.ts';

export interface ArchiverOptions {
  /** The data directory. */
  readonly data: string;
  readonly repository: Repository;
  readonly duckdb: Duckdb;
  /** For segments that are being made: emptied at the start. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly version: string;
  readonly events: ArchiverEvents;
  /** Registers the lanes of the log that the repository doesn't know; absent: another process does. */
  readonly register?: (segments: readonly Segment[]) => Promise<void>;
}

interface ArchiverEvents {
  /** A segment is committed, by this archiver or another; `position` is its last record. */
  archived(position: Position, sidecar: Sidecar): void;
  /** The cursor has moved, durably: files of the log up to there may go. It moves back while what was removed is archived again. */
  passed(position: Position): void;
  /** Called once a change. */
  state(state: ArchiverState): void;
  /** Records that can't be archived, since the log can't be read there. Called once for each, and again after a restart. */
  hole(hole: Hole): void;
}

/** Everything is looked at again so often: what was removed from the repository is archived again while the log has it. */
const WALK_MS = 60_000;

/**
 * Brings the log of a data directory to a repository, segment by segment, in order.
 *
 * Guarantee: each durable record is in a segment that is committed, or in a hole that a marker tells, or is still to
 * come. What is to be done is told by the repository's own listing, so nothing else needs to survive: a lost
 * cursor costs nothing, and any number of archivers of one directory do no harm to each other.
 *
 * Order: rows, Parquet file, data object, sidecar, cursor. A crash before the sidecar leaves a data object that means
 * nothing, a crash after it an older cursor, which only keeps files of the log for longer. What the storage refuses
 * is tried again for ever; meanwhile the log keeps what is not archived.
 */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #persistence: Persistence;
  readonly #told = new Set<string>();

  constructor(options: ArchiverOptions) {
    this.#options = options;
    const { clock, random, events } = options;
    const onState = (state: ArchiverState): void => events.state(state);
    this.#persistence = new Persistence({ clock, random, onState });
  }

  /** Until the signal aborts. Rejects on a bug, and on an internal error of DuckDB: the process is then to end. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#archive(signal);
      } catch (error) {
        if (!signal.aborted) await this.#persistence.hindered(error, signal);
      }
    }
  }

  /** From the oldest record of the log on, again and again; until the signal aborts, or something fails. */
  async #archive(signal: AbortSignal): Promise<void> {
    const { data, folder, events } = this.#options;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const log = await PublishedLog.open(data);
    const cursor = await openCursor(data);
    const reader = new LogReader(log);
    try {
      while (!signal.aborted) {
        const walk = new ArchiveWalk({
          ...this.#options,
          log,
          reader,
          cursor,
          persistence: this.#persistence,
          onArchived: (position, sidecar) => events.archived(position, sidecar),
          onPassed: (position) => events.passed(position),
          onHole: (hole) => this.#onHole(hole),
        });
        await walk.run(WALK_MS, signal);
      }
    } finally {
      await reader.close();
    }
  }

  #onHole(hole: Hole): void {
    const key = `${hole.lane}/${hole.from}-${hole.to}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.events.hole(hole);
  }
}

/** One that can't be read is as good as none: it is moved to where it belongs. */
async function openCursor(data: string): Promise<Cursor> {
  try {
    return await Cursor.open(data, ARCHIVE_CURSOR);
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return Cursor.reset(data, ARCHIVE_CURSOR);
  }
}
