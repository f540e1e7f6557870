/** Readers and writers of lines that work on four bytes at a time need so many after the last line. */
export const WORD_SLACK_BYTES = 4;

/**
 * The bytes of accepted mutations, one UTF-8 line each with its `\n`, as scanners produce them and
 * the log stores them. One instance is reused for request after request: it grows, never shrinks.
 */
export class LineBuffer {
  bytes: Buffer;
  /** Bytes in use. */
  length = 0;
  /** Lines in use. */
  count = 0;

  constructor(capacity = 256 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes sure that `extra` more bytes can be written at `length` without another check. */
  reserve(extra: number): void {
    if (this.length + extra <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + extra));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Appends one line, given without its `\n`. The slow paths use this; scanners write to `bytes`. */
  push(line: string): void {
    const size = Buffer.byteLength(line) + 1;
    this.reserve(size);
    this.bytes.write(line, this.length, 'utf8');
    this.length += size;
    this.bytes[this.length - 1] = 0x0a;
    this.count += 1;
  }

  /** Takes back everything from the given mark on. */
  truncate(length: number, count: number): void {
    this.length = length;
    this.count = count;
  }

  /** What is held, without a copy: valid until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}
