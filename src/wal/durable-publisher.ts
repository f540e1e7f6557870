import { type FileHandle, open } from 'node:fs/promises';
import { type DurableMark, formatDurableMark } from './durable-mark.ts';

const INTERVAL_MS = 50;

/**
 * Keeps the file `durable` up to date, at most every 50 ms and without syncing: it survives the process,
 * and only helps, never decides, after a power cut.
 */
export class DurablePublisher {
  readonly #path: string;
  #file: FileHandle | undefined;
  #mark: DurableMark | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  publish(mark: DurableMark): void {
    this.#mark = mark;
    this.#timer ??= setTimeout(() => {
      // One write at a time: an older mark must never land on a newer one.
      this.#writing = this.#writing.then(() => {
        this.#timer = undefined;
        return this.#write();
      });
    }, INTERVAL_MS);
  }

  /** Publishes the last mark given and ends. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#write();
    await this.#file?.close();
  }

  async #write(): Promise<void> {
    if (this.#mark === undefined) return;
    const line = Buffer.from(formatDurableMark(this.#mark), 'latin1');
    try {
      this.#file ??= await openForOverwriting(this.#path, line.length);
      await this.#file.write(line, 0, line.length, 0);
    } catch {
      // The disk's failure shows where it counts, in the log's own write. An old mark claims less, never more.
    }
  }
}

async function openForOverwriting(path: string, bytes: number): Promise<FileHandle> {
  const made = await open(path, 'a');
  await made.close();
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  if (size > bytes) await file.truncate(bytes);
  return file;
}
