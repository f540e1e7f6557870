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
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  publish(mark: DurableMark): void {
    this.#mark = mark;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write();
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
    try {
      this.#file ??= await openForOverwriting(this.#path);
      await this.#file.write(formatDurableMark(this.#mark), 0, 'latin1');
    } catch {
      // The disk's failure shows where it counts, in the log's own write. An old mark claims less, never more.
    }
  }
}

async function openForOverwriting(path: string): Promise<FileHandle> {
  const made = await open(path, 'a');
  await made.close();
  return open(path, 'r+');
}
