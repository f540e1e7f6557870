import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import { DirectoryLock, type LockHolder } from './directory-lock.ts';
import type { DurableMark } from './durable-mark.ts';
import {
  type FileEnd,
  type FoundFile,
  joinFiles,
  listFiles,
  readMark,
  scanToEnd,
  type Segment,
} from './log-files.ts';
import type { DurableLog } from './log-reader.ts';
import { recoverLog } from './recovery.ts';

/** What another process sees of a log. */
interface View {
  readonly segments: readonly Segment[];
  readonly durable: Position;
  readonly holes: readonly Hole[];
  readonly tornBytes: number;
  readonly strangers: readonly string[];
}

const NOTHING: View = {
  segments: [],
  durable: { lane: '', ordinal: 0, seq: 0 },
  holes: [],
  tornBytes: 0,
  strangers: [],
};

/** Each needs a file that expires just between the listing and the look at it. */
const ATTEMPTS_MAX = 5;

/**
 * The log of a data directory as another process may read it while it is written. It changes with `refresh` only,
 * and writes nothing.
 *
 * While a process holds the directory, the log goes up to the position that it has published; after that a write
 * may be under way. When none does, it goes as far as the next start will find it, since up to 50 ms before a
 * kill nothing was published.
 */
export class PublishedLog implements DurableLog {
  readonly #data: string;
  readonly #directory: string;
  #view = NOTHING;
  #holder: LockHolder | undefined;
  /** Headers never change: by file name. */
  readonly #headers = new Map<string, FoundFile>();
  /** Ends of files that are complete, though no other names them: by path. */
  readonly #ends = new Map<string, FileEnd>();
  /** What was there when the log of nobody was last looked at. */
  #settled: string | undefined;

  private constructor(data: string) {
    this.#data = data;
    this.#directory = join(data, 'wal');
  }

  static async open(data: string): Promise<PublishedLog> {
    const log = new PublishedLog(data);
    await log.refresh();
    return log;
  }

  /** The process that writes the log. */
  get holder(): LockHolder | undefined {
    return this.#holder;
  }

  get segments(): readonly Segment[] {
    return this.#view.segments;
  }

  get durable(): Position {
    return this.#view.durable;
  }

  /** What shows without reading every file: files and ends that are missing. */
  get holes(): readonly Hole[] {
    return this.#view.holes;
  }

  /** Of a last write that was never finished. */
  get tornBytes(): number {
    return this.#view.tornBytes;
  }

  /** See ListedFiles. */
  get strangers(): readonly string[] {
    return this.#view.strangers;
  }

  /** Nothing of it is in this process's memory. */
  frameAfter(): undefined {
    return undefined;
  }

  /** Looks again: a few small reads, but for files that are new. */
  async refresh(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#holder = await DirectoryLock.holder(this.#data);
        if (this.#holder !== undefined) {
          await this.#follow();
          return;
        }
        const settled = await this.#settle();
        // Who began to write meanwhile may have been seen in the middle of it.
        this.#holder = await DirectoryLock.holder(this.#data);
        if (this.#holder !== undefined) continue;
        if (settled !== undefined) this.#view = settled;
        return;
      } catch (error) {
        // A file that was listed has expired since.
        const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
        if (!isGone || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  async #follow(): Promise<void> {
    this.#settled = undefined;
    // Before the files: what it names is there by then.
    const mark = await readMark(this.#directory);
    const options = { repair: false, headers: this.#headers };
    const { files, strangers } = await listFiles(this.#directory, options);
    const paths = new Set(files.map(({ path }) => path));
    for (const path of this.#ends.keys()) if (!paths.has(path)) this.#ends.delete(path);
    const { segments, holes } = await joinFiles(files, async (file, isNewest) => {
      const seq = isNewest ? publishedEnd(file, mark) : undefined;
      return seq === undefined ? this.#endOf(file) : { lastSeq: seq, tornBytes: 0, holes: [] };
    });
    this.#view = { segments, durable: lastOf(segments), holes, tornBytes: 0, strangers };
  }

  /** Undefined when nothing has changed since the last time. */
  async #settle(): Promise<View | undefined> {
    const { files } = await listFiles(this.#directory, { repair: false, headers: this.#headers });
    const newest = files.at(-1);
    const size = newest && (await stat(newest.path));
    const mark = await readMark(this.#directory);
    const found = JSON.stringify([files, size?.size, size?.mtimeMs, mark]);
    if (found === this.#settled) return undefined;
    const log = await recoverLog(this.#directory, { repair: false });
    this.#settled = found;
    const { segments, holes, tornBytes, strangers, end } = log;
    const durable =
      end === undefined
        ? NOTHING.durable
        : { lane: end.lane, ordinal: end.ordinal, seq: end.lastSeq };
    return { segments, durable, holes, tornBytes, strangers };
  }

  async #endOf(file: FoundFile): Promise<FileEnd> {
    const known = this.#ends.get(file.path);
    if (known !== undefined) return known;
    const end = await scanToEnd(file);
    this.#ends.set(file.path, end);
    return end;
  }
}

/** What of the newest file is published; undefined when a later one was, so that this one is complete. */
function publishedEnd(file: FoundFile, mark: DurableMark | undefined): number | undefined {
  const nothing = file.firstSeq - 1;
  if (mark === undefined || mark.ordinal < file.ordinal) return nothing;
  if (mark.ordinal > file.ordinal || mark.segmentFirstSeq > file.firstSeq) return undefined;
  const isOwn = mark.lane === file.lane && mark.segmentFirstSeq === file.firstSeq;
  return isOwn ? mark.seq : nothing;
}

function lastOf(segments: readonly Segment[]): Position {
  const last = segments.at(-1);
  if (last === undefined) return NOTHING.durable;
  return { lane: last.lane, ordinal: last.ordinal, seq: last.lastSeq };
}
