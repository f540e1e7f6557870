import { UNCHUNKED_BYTES_MAX } from '../../opentsdb/server-facts.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import type { Batch, BatchLimits } from './batch.ts';

/**
 * How large the next batch may be. A failed batch halves it, down to one point, so that a point which breaks
 * every request it is in ends up alone; it grows again once the log after the failed batch is delivered.
 */
export class BatchSize {
  readonly #max: BatchLimits;
  #points: number;
  /** What the TSD says it takes, and what it was seen not to take. */
  #told: number | undefined;
  #learnt = Infinity;
  /** Up to here something failed. */
  #trouble: Position | undefined;

  constructor(max: BatchLimits) {
    this.#max = max;
    this.#points = max.points;
  }

  get limits(): BatchLimits {
    const bytes = Math.min(this.#max.bytes, this.#told ?? Infinity, this.#learnt);
    return { points: this.#points, bytes };
  }

  /** Whether a failure is being narrowed down: then one batch at a time tells whose it is. */
  get isCareful(): boolean {
    return this.#trouble !== undefined;
  }

  /** The largest body that the TSD says it takes; undefined when it doesn't say. */
  tell(bytes: number | undefined): void {
    if (bytes !== undefined && bytes !== this.#told) this.#learnt = Infinity;
    this.#told = bytes ?? this.#told;
  }

  /** The batch failed as a whole. */
  noteFailed(batch: Batch): void {
    this.#points = Math.max(1, Math.floor(this.#points / 2));
    let last = batch.lines[0] ?? 0;
    for (const line of batch.lines) {
      if ((batch.chunk.seqs[line] ?? 0) > (batch.chunk.seqs[last] ?? 0)) last = line;
    }
    this.#trouble = batch.chunk.positionOf(last);
  }

  /** The body had no answer. A TSD may close the connection at one that it finds too large. */
  noteUnanswered(batch: Batch): void {
    if (this.#told === undefined && !batch.telnet) this.noteTooLarge(batch);
  }

  /** The body was refused for its size; false when it can't be made smaller. */
  noteTooLarge(batch: Batch): boolean {
    const { length } = batch.body;
    if (batch.lines.length <= 1) return false;
    if (length > UNCHUNKED_BYTES_MAX) this.#learnt = UNCHUNKED_BYTES_MAX;
    else this.#points = Math.max(1, Math.floor(batch.lines.length / 2));
    return true;
  }

  /** All up to `delivered` was handled. */
  noteDelivered(delivered: Position | undefined): void {
    const trouble = this.#trouble;
    const isPast =
      trouble === undefined ||
      (delivered !== undefined && comparePositions(delivered, trouble) >= 0);
    if (!isPast) return;
    this.#trouble = undefined;
    this.#points = Math.min(this.#max.points, this.#points * 2);
  }
}
