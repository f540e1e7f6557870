import { type FileHandle, open, rm } from 'node:fs/promises';
import { countLines } from '../../record/count-lines.ts';
import { SECTION_END } from '../fold/fold-query.ts';

/** Lines of a record, unless a single one is longer. Part of the meaning of a checkpoint. */
const RECORD_BYTES = 16 * 1024;
const SCAN_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const SECTION_LINE = Buffer.from(`${SECTION_END}\n`);

/** A file of lines that came by HTTP, SECTION_END, and lines that came by telnet. */
export class LineFile {
  readonly http: Lines;
  readonly telnet: Lines;
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(path: string, file: FileHandle, http: Lines, telnet: Lines) {
    this.#path = path;
    this.#file = file;
    this.http = http;
    this.telnet = telnet;
  }

  /** Rejects when SECTION_END is missing, or the last line has no end: the file was cut off. */
  static async open(path: string): Promise<LineFile> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const end = await findSectionEnd(file, size);
      const http = await Lines.cut(file, 0, end);
      const telnet = await Lines.cut(file, end + SECTION_LINE.length, size);
      return new LineFile(path, file, http, telnet);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Closes and removes it. */
  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}

/**
 * Lines of a file, cut into records: each begins where the one before it ends, and ends with the last line that fits.
 * The same content is always cut alike.
 */
export class Lines {
  /** How many lines there are. */
  readonly count: number;
  readonly bytes: number;
  readonly #file: FileHandle;
  /** Where each record starts, and the end of the last. */
  readonly #offsets: readonly number[];

  private constructor(file: FileHandle, offsets: readonly number[], count: number) {
    this.#file = file;
    this.#offsets = offsets;
    this.count = count;
    this.bytes = (offsets.at(-1) ?? 0) - (offsets[0] ?? 0);
  }

  static async cut(file: FileHandle, start: number, end: number): Promise<Lines> {
    const offsets = [start];
    const block = Buffer.allocUnsafe(Math.min(SCAN_BYTES, Math.max(0, end - start)));
    let count = 0;
    for (let from = start; from < end;) {
      const bytes = block.subarray(0, Math.min(block.length, end - from));
      await readFully(file, bytes, from);
      const next = cutBlock(bytes, from, from + bytes.length === end, offsets);
      if (next === from) {
        throw new Error(`a line of more than ${SCAN_BYTES} bytes, or without an end`);
      }
      count += countLines(bytes.subarray(0, next - from));
      from = next;
    }
    return new Lines(file, offsets, count);
  }

  get records(): number {
    return this.#offsets.length - 1;
  }

  /** The lines of record `index`, counted from 0, and of those after it, up to so many records. */
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
}

/** Where the line SECTION_END starts. */
async function findSectionEnd(file: FileHandle, size: number): Promise<number> {
  const wanted = Buffer.concat([Buffer.from('\n'), SECTION_LINE]);
  const block = Buffer.allocUnsafe(SCAN_BYTES);
  // As if a line had ended before the first.
  block[0] = NEWLINE;
  let kept = 1;
  for (let from = 0; from < size;) {
    const bytes = block.subarray(0, Math.min(block.length, kept + size - from));
    await readFully(file, bytes.subarray(kept), from);
    const found = bytes.indexOf(wanted);
    if (found >= 0) return from - kept + found + 1;
    from += bytes.length - kept;
    // What is wanted may begin at the end of the block.
    kept = Math.min(bytes.length, wanted.length - 1);
    bytes.copy(block, 0, bytes.length - kept);
  }
  throw new Error('a file of lines breaks off in its first section');
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
