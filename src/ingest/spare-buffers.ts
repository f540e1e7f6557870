const STEP_BYTES = 16 * 1024;
/** So few are made as they are, for the one use: many small ones that wait would else hold far more than is counted. */
const SMALL_BYTES = 4 * 1024;
/** Larger ones are made for the one use. */
const BYTES_MAX = 256 * 1024;
const SPARE_BYTES_MAX = 2 * 1024 * 1024;

/**
 * Memory for what was read and is not used up at once, used again and again: left to the garbage collector it would be
 * tens of MiB at full load, since that counts objects and not what hangs on them.
 */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];
  #bytes = 0;

  /** At least so many bytes, of which the rest is rubbish. */
  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return Buffer.allocUnsafe(bytes);
    for (let at = this.#spare.length - 1; at >= 0; at -= 1) {
      const buffer = this.#spare[at];
      if (buffer === undefined || buffer.length < bytes) continue;
      this.#spare.splice(at, 1);
      this.#bytes -= buffer.length;
      return buffer;
    }
    const size = bytes > BYTES_MAX ? bytes : Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
    return Buffer.allocUnsafeSlow(size);
  }

  /** Nobody holds any part of it any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length < STEP_BYTES || buffer.length > BYTES_MAX) return;
    this.#spare.push(buffer);
    this.#bytes += buffer.length;
    // Those that nobody takes, as they are too small for what is read now, make room.
    while (this.#bytes > SPARE_BYTES_MAX) this.#bytes -= this.#spare.shift()?.length ?? 0;
  }
}
