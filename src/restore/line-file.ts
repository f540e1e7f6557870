import { type FileHandle, open } from 'node:fs/promises';

/** Lines of a record, unless a single one is longer. Part of the meaning of a checkpoint. */
const RECORD_BYTES = 16 * 1024;
const SCAN_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * A file of lines, cut into records: each begins where the one before it ends, and ends with the last line that fits.
 * The same content is always cut alike.
 */
export class LineFile implements AsyncDisposable {
  readonly #file: FileHandle;
  /** Where each record starts, and the end of the file. */
  readonly #offsets: readonly number[];

  private constructor(file: FileHandle, offsets: readonly number[]) {
    this.#file = file;
    this.#offsets = offsets;
  }

  /** Rejects when the last line has no end: the file was cut off. */
  static async open(path: string): Promise<LineFile> {
    const file = await open(path);
    try {
      return new LineFile(file, await cut(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get records(): number {
    return this.#offsets.length - 1;
  }

  /** The lines of record `index`, counted from 0, and of those behind it, up to so many records. */
  async read(
    index: number,
    records: number,
  ): Promise<{ bytes: Buffer; starts: readonly number[] }> {
    const last = Math.min(index + records, this.records);
    const start = this.#offsets[index] ?? 0;
    const bytes = Buffer.allocUnsafe((this.#offsets[last] ?? 0) - start);
    await readFully(this.#file, bytes, start);
    const starts = this.#offsets.slice(index, last + 1).map((offset) => offset - start);
    return { bytes, starts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function cut(file: FileHandle): Promise<number[]> {
  const { size } = await file.stat();
  const offsets = [0];
  const block = Buffer.allocUnsafe(SCAN_BYTES);
  for (let from = 0; from < size;) {
    const bytes = block.subarray(0, Math.min(block.length, size - from));
    await readFully(file, bytes, from);
    const isLast = from + bytes.length === size;
    const end = cutBlock(bytes, from, isLast, offsets);
    if (end === from) throw new Error(`a line of more than ${SCAN_BYTES} bytes, or without an end`);
    from = end;
  }
  return offsets;
}

/** Adds the ends of the records that the block surely holds whole; returns the last. */
function cutBlock(block: Buffer, offset: number, isLast: boolean, offsets: number[]): number {
  let start = 0;
  while (start < block.length) {
    const isWhole = start + RECORD_BYTES <= block.length || isLast;
    const limit = Math.min(start + RECORD_BYTES, block.length) - 1;
    let end = isWhole ? block.lastIndexOf(NEWLINE, limit) + 1 : start;
    if (isWhole && end <= start) end = block.indexOf(NEWLINE, limit) + 1;
    if (end <= start) break;
    start = end;
    offsets.push(offset + end);
  }
  return offset + start;
}

async function readFully(file: FileHandle, into: Buffer, position: number): Promise<void> {
  for (let at = 0; at < into.length;) {
    const { bytesRead } = await file.read(into, at, into.length - at, position + at);
    if (bytesRead === 0) throw new Error('a temporary file has become shorter');
    at += bytesRead;
  }
}
