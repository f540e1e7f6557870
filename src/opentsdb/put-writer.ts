import { WORD_SLACK_BYTES } from '../record/line-buffer.ts';

/** What stands between the words of a point in JSON, as little-endian words of four bytes. */
interface Piece {
  readonly words: readonly number[];
  readonly length: number;
}

const JSON_PIECES = {
  open: piece('{"metric":"'),
  afterMetric: piece('","timestamp":'),
  afterTimestamp: piece(',"value":"'),
  afterValue: piece('","tags":{"'),
  afterKey: piece('":"'),
  afterTag: piece('","'),
  close: piece('"}}'),
};

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_H = 0x68;
/** Length of `put `. */
const PUT_BYTES = 4;
const HTTP_PUT = 'http POST /api/put ';

/** 1 for the bytes that are themselves in JSON and no separator. */
const IS_PLAIN = new Uint8Array(256).map((_, byte) =>
  Number(![SPACE, NEWLINE, EQUALS, QUOTE, BACKSLASH].includes(byte)),
);
/** The same for two bytes at once. */
const ARE_PLAIN = new Uint8Array(65_536).map(
  (_, two) => (IS_PLAIN[two & 0xff] ?? 0) & (IS_PLAIN[two >>> 8] ?? 0),
);

/** The most bytes that a line of `bytes` bytes takes in JSON: every byte escaped, the frame around it, and slack. */
export function jsonBytesMax(bytes: number): number {
  return bytes * 3 + 80 + WORD_SLACK_BYTES;
}

/** One line, without its `\n`, as a JSON object. */
export function formatJsonPoint(line: string): Buffer {
  const lines = Buffer.from(`${line}\n${' '.repeat(WORD_SLACK_BYTES)}`);
  const end = lines.length - WORD_SLACK_BYTES - 1;
  const bytes = Buffer.alloc(jsonBytesMax(end));
  const writer = new JsonPointWriter(lines, bytes);
  writer.write(0, end);
  return bytes.subarray(0, writer.at);
}

/**
 * Writes canonical put lines (`put <metric> <timestamp> <value> <tagk=tagv> …`, UTF-8, each with its `\n`) as
 * OpenTSDB's JSON. The value's text passes as it is, as a string, which OpenTSDB reads like the bare
 * number, and which carries ` 1.5 ` and `1.5f` too. It works on four bytes at a time: after the lines
 * WORD_SLACK_BYTES must be readable, and after the points as many writable.
 */
export class JsonPointWriter {
  readonly #lines: Buffer;
  readonly #source: DataView;
  readonly #bytes: Buffer;
  readonly #target: DataView;
  /** Where the next byte goes. */
  at = 0;

  constructor(lines: Buffer, bytes: Buffer) {
    this.#lines = lines;
    this.#source = new DataView(lines.buffer, lines.byteOffset, lines.length);
    this.#bytes = bytes;
    this.#target = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(byte: number): void {
    this.#bytes[this.at] = byte;
    this.at += 1;
  }

  /** Writes the line at [start, end), without its `\n`. */
  write(start: number, end: number): void {
    if (this.#lines[start] === LETTER_H) {
      this.at += this.#lines.copy(this.#bytes, this.at, start + HTTP_PUT.length, end);
      return;
    }
    this.#put(JSON_PIECES.open);
    let read = this.#copyPlain(start + PUT_BYTES);
    for (let separators = 0; read < end; read = this.#copyPlain(read + 1)) {
      const byte = this.#lines[read] ?? 0;
      if (byte === SPACE) {
        separators += 1;
        this.#put(separatorOf(separators));
      } else if (byte === EQUALS && separators > 2) {
        this.#put(JSON_PIECES.afterKey);
      } else {
        if (byte !== EQUALS) this.byte(BACKSLASH);
        this.byte(byte);
      }
    }
    this.#put(JSON_PIECES.close);
  }

  /** Copies plain bytes from `start` on; returns where they end. */
  #copyPlain(start: number): number {
    let read = start;
    let { at } = this;
    for (;;) {
      const four = this.#source.getUint32(read, true);
      this.#target.setUint32(at, four, true);
      let bytes = 4;
      if (ARE_PLAIN[four & 0xffff] === 0) bytes = IS_PLAIN[four & 0xff] ?? 0;
      else if (ARE_PLAIN[four >>> 16] === 0) bytes = 2 + (IS_PLAIN[(four >>> 16) & 0xff] ?? 0);
      read += bytes;
      at += bytes;
      if (bytes < 4) break;
    }
    this.at = at;
    return read;
  }

  #put({ words, length }: Piece): void {
    for (let index = 0; index < words.length; index += 1) {
      this.#target.setUint32(this.at + index * 4, words[index] ?? 0, true);
    }
    this.at += length;
  }
}

function separatorOf(separators: number): Piece {
  if (separators > 3) return JSON_PIECES.afterTag;
  if (separators === 1) return JSON_PIECES.afterMetric;
  return separators === 2 ? JSON_PIECES.afterTimestamp : JSON_PIECES.afterValue;
}

function piece(text: string): Piece {
  const bytes = Buffer.alloc(Math.ceil(text.length / 4) * 4);
  bytes.write(text, 'latin1');
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes.readUInt32LE(index * 4),
  );
  return { words, length: text.length };
}
