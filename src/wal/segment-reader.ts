import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  decodeFrameHeader,
  FRAME_BODY_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  followsChain,
  laneSeed,
} from '../record/frame.ts';
import { WalError } from '../runtime/errors.ts';
import {
  decodeSegmentHeader,
  foreignVersion,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './segment-file.ts';

const WINDOW_BYTES = 1024 * 1024;
const NO_BYTES = Buffer.alloc(0);

export type SegmentRead =
  /** The next frame; `body` is valid until the next call. */
  | { readonly kind: 'frame'; readonly header: FrameHeader; readonly body: Buffer }
  /** No frame follows: only zeros, or `tornBytes` bytes of a frame that was never finished. */
  | { readonly kind: 'end'; readonly offset: number; readonly tornBytes: number }
  /** Records `from` to `to` can't be read, though later ones can: the next call goes on after them. */
  | {
      readonly kind: 'damage';
      readonly from: number;
      readonly to: number;
      readonly reason: string;
    };

/**
 * Reads the frames of one WAL file in order, checking every byte. What does not check is a torn tail
 * when nothing intact follows it, since only one write is ever under way, and damage otherwise.
 */
export class SegmentReader {
  /** Undefined when it isn't intact; what it says of the first record is then taken from the file's name. */
  readonly header: SegmentHeader | undefined;
  readonly #file: FileHandle;
  readonly #lane: number;
  /** Made at the first read: a start opens every file for its header alone. */
  #window = NO_BYTES;
  /** File offset of the window's first byte, and how many bytes of it are read. */
  #windowStart = 0;
  #windowBytes = 0;
  #offset = SEGMENT_HEADER_BYTES;
  #nextSeq: number;
  /** The chain value the next frame must follow; undefined after damage, where it isn't known. */
  #chain: number | undefined;

  private constructor(
    file: FileHandle,
    header: SegmentHeader | undefined,
    id: { readonly lane: string; readonly firstSeq: number },
  ) {
    this.#file = file;
    this.header = header;
    this.#lane = laneSeed(id.lane);
    this.#nextSeq = id.firstSeq;
    this.#chain = header?.seed;
  }

  /** Throws FORMAT_NEWER for a file of another version. */
  static async open(path: string): Promise<SegmentReader> {
    const file = await open(path, 'r');
    try {
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const { bytesRead } = await file.read(head, 0, SEGMENT_HEADER_BYTES, 0);
      const version = foreignVersion(head.subarray(0, bytesRead));
      if (version !== undefined) throw newer(path, version);
      const header = decodeSegmentHeader(head.subarray(0, bytesRead));
      const id = header ?? parseSegmentName(basename(path));
      return new SegmentReader(file, header, id ?? { lane: '', firstSeq: 1 });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Undefined when the file has gone since it was listed: expired by the process that writes the log, or removed. */
  static async openIfThere(path: string): Promise<SegmentReader | undefined> {
    try {
      return await SegmentReader.open(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Sequence of the record that `next` will read first. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Chain value of the last frame read, when it is known. */
  get chain(): number | undefined {
    return this.#chain;
  }

  /** The next frame. After `end`, a later call looks again: the file may have grown. */
  async next(): Promise<SegmentRead> {
    const read = await this.#tryNext();
    if (read !== undefined) return read;
    this.#windowBytes = 0;
    return (await this.#tryNext()) ?? this.#classify();
  }

  /** Of the file as it is now, be its name gone or not. */
  async stat(): Promise<Pick<Stats, 'size' | 'birthtimeMs'>> {
    return this.#file.stat();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Undefined when the bytes at the offset are no intact next frame. */
  async #tryNext(): Promise<SegmentRead | undefined> {
    let at = await this.#fill(this.#offset, FRAME_HEADER_BYTES);
    if (at === undefined) return undefined;
    const header = decodeFrameHeader(this.#window, at, this.#lane);
    if (header === undefined) return undefined;
    const bytes = FRAME_HEADER_BYTES + header.bodyBytes;
    at = await this.#fill(this.#offset, bytes);
    if (at === undefined || header.firstSeq !== this.#nextSeq) return undefined;
    if (this.#chain !== undefined && !followsChain(this.#window, at, this.#chain)) return undefined;
    const body = this.#window.subarray(at + FRAME_HEADER_BYTES, at + bytes);
    if (crc32(body) !== header.bodyCrc) return undefined;
    this.#offset += bytes;
    this.#nextSeq += header.records;
    this.#chain = header.chain;
    return { kind: 'frame', header, body };
  }

  /** Decides what a place without an intact next frame is: damage if an intact header follows, else the end. */
  async #classify(): Promise<SegmentRead> {
    const found = await this.#findHeader(this.#offset);
    if (found !== undefined) {
      const from = this.#nextSeq;
      this.#offset = found.offset;
      this.#nextSeq = found.firstSeq;
      this.#chain = undefined;
      return {
        kind: 'damage',
        from,
        to: found.firstSeq - 1,
        reason: `unreadable bytes before offset ${found.offset}`,
      };
    }
    return { kind: 'end', offset: this.#offset, tornBytes: await this.#tornBytes() };
  }

  /** The first intact header after `from` whose records come later than those expected there. */
  async #findHeader(from: number): Promise<{ offset: number; firstSeq: number } | undefined> {
    let offset = from;
    for (;;) {
      await this.#load(offset);
      const window = this.#window.subarray(0, this.#windowBytes);
      for (
        let at = window.indexOf(FRAME_MAGIC);
        at >= 0;
        at = window.indexOf(FRAME_MAGIC, at + 1)
      ) {
        const header = decodeFrameHeader(window, at, this.#lane);
        if (header !== undefined && header.firstSeq > this.#nextSeq) {
          return { offset: offset + at, firstSeq: header.firstSeq };
        }
      }
      if (this.#windowBytes < FRAME_HEADER_BYTES * 2) return undefined;
      offset += this.#windowBytes - FRAME_HEADER_BYTES;
    }
  }

  /** How far bytes other than zero reach after the offset. */
  async #tornBytes(): Promise<number> {
    let last = this.#offset - 1;
    for (let offset = this.#offset; ; offset += this.#windowBytes) {
      await this.#load(offset);
      if (this.#windowBytes === 0) return last - this.#offset + 1;
      for (let at = this.#windowBytes - 1; at >= 0; at -= 1) {
        if (this.#window[at] !== 0) {
          last = offset + at;
          break;
        }
      }
    }
  }

  /** Where `offset` stands in the window, which then holds `bytes` bytes from there; undefined when the file ends before. */
  async #fill(offset: number, bytes: number): Promise<number | undefined> {
    const at = offset - this.#windowStart;
    if (at >= 0 && at + bytes <= this.#windowBytes) return at;
    await this.#load(offset);
    return this.#windowBytes >= bytes ? 0 : undefined;
  }

  async #load(offset: number): Promise<void> {
    if (this.#window === NO_BYTES) this.#window = Buffer.allocUnsafeSlow(WINDOW_BYTES);
    this.#windowStart = offset;
    this.#windowBytes = 0;
    while (this.#windowBytes < this.#window.length) {
      const { bytesRead } = await this.#file.read(
        this.#window,
        this.#windowBytes,
        this.#window.length - this.#windowBytes,
        offset + this.#windowBytes,
      );
      if (bytesRead === 0) return;
      this.#windowBytes += bytesRead;
    }
  }
}

function newer(path: string, version: number): WalError {
  return new WalError(
    'FORMAT_NEWER',
    `${path} was written by a newer tsdb-wal (format ${version})`,
    {
      context: { path, version },
      hint: 'Use that version. Nothing of the file is damaged: leave it where it is.',
    },
  );
}

if (WINDOW_BYTES < FRAME_BODY_BYTES_MAX + FRAME_HEADER_BYTES) {
  throw new Error('a frame must fit into the window');
}
