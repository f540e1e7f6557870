import type { Position } from '../../record/position.ts';

const BYTES = 4 * 1024 * 1024;
/** A power of two. */
const SLOTS = 8_192;
/** Smaller ones are made again from their lines as quickly. */
const BODY_BYTES_MIN = 512;

/** The points of one record as their client sent them: JSON objects with commas between, in the order of its lines. */
export interface SentBody {
  readonly points: number;
  readonly bytes: Buffer;
}

/**
 * The newest put bodies, in one fixed piece of memory: what is delivered while it is here needs not be made from its
 * lines again. Nothing depends on it, and what is pushed out is made again.
 */
export class SentBodies {
  readonly #memory = Buffer.allocUnsafeSlow(BYTES);
  /** Place of the next body on an endless tape of which the memory holds the end. */
  #end = 0;
  /** By the last bits of the sequence: whose body it is, and where. */
  readonly #ordinals = new Float64Array(SLOTS);
  readonly #seqs = new Float64Array(SLOTS).fill(-1);
  readonly #starts = new Float64Array(SLOTS);
  readonly #sizes = new Uint32Array(SLOTS);
  readonly #points = new Uint32Array(SLOTS);

  /** Copies the body of the record at `position`. */
  keep({ ordinal, seq }: Position, { points, bytes }: SentBody): void {
    const size = bytes.length;
    if (size < BODY_BYTES_MIN || size > BYTES / 8) return;
    const offset = this.#end % BYTES;
    const start = offset + size > BYTES ? this.#end + BYTES - offset : this.#end;
    bytes.copy(this.#memory, start % BYTES);
    this.#end = start + size;
    const slot = seq & (SLOTS - 1);
    this.#ordinals[slot] = ordinal;
    this.#seqs[slot] = seq;
    this.#starts[slot] = start;
    this.#sizes[slot] = size;
    this.#points[slot] = points;
  }

  /** Its bytes are valid until the next `keep`. */
  find(ordinal: number, seq: number): SentBody | undefined {
    const slot = seq & (SLOTS - 1);
    const start = this.#starts[slot] ?? 0;
    if (this.#seqs[slot] !== seq || this.#ordinals[slot] !== ordinal) return undefined;
    if (this.#end - start > BYTES) return undefined;
    const offset = start % BYTES;
    const bytes = this.#memory.subarray(offset, offset + (this.#sizes[slot] ?? 0));
    return { points: this.#points[slot] ?? 0, bytes };
  }
}
