import type { LineBuffer } from '../record/line-buffer.ts';

/** 1 for the bytes that are legal in names under all rules: letters, digits and `-_./`. */
const IS_NAME = new Uint8Array(256);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./') {
  IS_NAME[character.charCodeAt(0)] = 1;
}

/** The same for two bytes at once, as a little-endian word. */
const ARE_NAME = new Uint8Array(65_536).map(
  (_, word) => (IS_NAME[word & 0xff] ?? 0) & (IS_NAME[word >>> 8] ?? 0),
);

const NEWLINE = 0x0a;

/** The scanners leave more tags than this to the slow path. */
const TAGS_MAX = 16;

/** Where the keys of the line at hand lie: start and length of each. Scratch: no line outlives a call. */
const keys = new Int32Array(2 * TAGS_MAX);

/**
 * Copies the words of data points from one buffer into lines in another, checking names on the way. Where to is
 * the caller's to count, who has it in a register: a field would be read and written for each word.
 * It works on four bytes at a time where it can, so it may write up to 3 bytes of rubbish after what
 * it wrote; the next write covers them. Nothing reads past the end of `from`: that would, once done,
 * make V8 slow for good. The last byte of `from` must not be one of a name.
 */
export class PutCopier {
  readonly from: Buffer;
  /** Where the next line goes. */
  written = 0;
  #to: Buffer;
  readonly #source: DataView;
  #target: DataView;
  /** The last index of `from` that four bytes can be read at. */
  readonly #wordLast: number;

  /** Goes on writing at the end of `out`, of which it makes sure that it takes `bytes` more. */
  constructor(from: Buffer, out: LineBuffer, bytes: number) {
    this.from = from;
    this.#source = new DataView(from.buffer, from.byteOffset, from.length);
    this.#wordLast = from.length - 4;
    this.#to = out.bytes;
    this.#target = viewOf(out.bytes);
    this.resume(out, bytes);
  }

  /** To be called when others have written to `out`. */
  resume(out: LineBuffer, bytes: number): void {
    out.reserve(bytes + 3);
    if (this.#to !== out.bytes) {
      this.#to = out.bytes;
      this.#target = viewOf(out.bytes);
    }
    this.written = out.length;
  }

  /** Copies name bytes from `start` on to `to`, and returns where they end. */
  name(start: number, to: number): number {
    const source = this.#source;
    const target = this.#target;
    const wordLast = this.#wordLast;
    const shift = to - start;
    let at = start;
    while (at <= wordLast) {
      const word = source.getUint32(at, true);
      target.setUint32(at + shift, word, true);
      if (ARE_NAME[word & 0xffff] === 0) return at + (IS_NAME[word & 0xff] ?? 0);
      if (ARE_NAME[word >>> 16] === 0) return at + 2 + (IS_NAME[(word >>> 16) & 0xff] ?? 0);
      at += 4;
    }
    const end = endOfName(this.from, at);
    this.span(at, end, at + shift);
    return end;
  }

  /** Copies [start, end) to `to`. */
  span(start: number, end: number, to: number): void {
    const wordEnd = Math.min(end, this.#wordLast + 1);
    const shift = to - start;
    let at = start;
    for (; at < wordEnd; at += 4) {
      this.#target.setUint32(at + shift, this.#source.getUint32(at, true), true);
    }
    for (; at < end; at += 1) this.#to[at + shift] = this.from[at] ?? 0;
  }

  byte(byte: number, to: number): void {
    this.#to[to] = byte;
  }

  /** `put `. */
  put(to: number): void {
    this.#target.setUint32(to, 0x20747570, true);
  }

  /** Ends the line at hand at `to`. */
  endLine(to: number): void {
    this.#to[to] = NEWLINE;
    this.written = to + 1;
  }

  /** Whether `from` holds at `at` a text given as its first, middle and last four bytes. */
  holds(at: number, { first, middle, middleAt, last, lastAt }: Literal): boolean {
    return (
      at + lastAt <= this.#wordLast &&
      this.#source.getUint32(at, true) === first &&
      this.#source.getUint32(at + middleAt, true) === middle &&
      this.#source.getUint32(at + lastAt, true) === last
    );
  }

  /** Notes the key of tag number `tag` (from 0), written to `start`, of `size` bytes: false if an earlier one equals it. */
  addKey(tag: number, start: number, size: number): boolean {
    for (let other = 0; other < tag; other += 1) {
      if (keys[2 * other + 1] === size && this.#sameWritten(keys[2 * other] ?? 0, start, size)) {
        return false;
      }
    }
    keys[2 * tag] = start;
    keys[2 * tag + 1] = size;
    return true;
  }

  #sameWritten(left: number, right: number, size: number): boolean {
    for (let at = 0; at < size; at += 1) {
      if (this.#to[left + at] !== this.#to[right + at]) return false;
    }
    return true;
  }
}

/** Of the buffer written to last: it is the same one for request after request. */
let target: { readonly bytes: Buffer; readonly view: DataView } | undefined;

function viewOf(bytes: Buffer): DataView {
  if (target?.bytes === bytes) return target.view;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  target = { bytes, view };
  return view;
}

/** A text of 4 to 12 bytes, cut into little-endian words that may overlap. */
export interface Literal {
  readonly length: number;
  readonly first: number;
  readonly middle: number;
  readonly middleAt: number;
  readonly last: number;
  readonly lastAt: number;
}

export function literal(text: string): Literal {
  const bytes = Buffer.from(text);
  const middleAt = Math.min(4, bytes.length - 4);
  const lastAt = bytes.length - 4;
  return {
    length: bytes.length,
    first: bytes.readUInt32LE(0),
    middle: bytes.readUInt32LE(middleAt),
    middleAt,
    last: bytes.readUInt32LE(lastAt),
    lastAt,
  };
}

export const tagsLimit = (tagsMax: number | undefined): number =>
  Math.min(tagsMax ?? TAGS_MAX, TAGS_MAX);

/** Where the name that starts at `start` ends. */
export function endOfName(from: Buffer, start: number): number {
  let at = start;
  while (IS_NAME[from[at] ?? 0] === 1) at += 1;
  return at;
}
