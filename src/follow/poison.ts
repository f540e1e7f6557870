import type { Fault } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Canary } from './canary.ts';

const TRIES_MIN = 3;
const SPAN_MS_MIN = 60_000;

/**
 * Tells a point that breaks every request it is in from an outage: it failed alone, at least three times
 * over at least a minute, while a canary, another point, was stored.
 */
export class Poison {
  readonly #canary: Canary;
  #point = '';
  #firstMs = 0;
  #tries = 0;

  constructor(canary: Canary) {
    this.#canary = canary;
  }

  /** How often the point at hand has failed alone. */
  get tries(): number {
    return this.#tries;
  }

  /** Notes that the batch failed; true when its point is to be left behind. */
  is(batch: Batch, fault: Fault, nowMs: number): boolean {
    const [line] = batch.lines;
    if (line === undefined || batch.lines.length > 1 || fault === 'storage') return false;
    const { chunk } = batch;
    const point = `${chunk.last?.ordinal}/${chunk.seqs[line]}/${chunk.indexes[line]}`;
    if (point !== this.#point) {
      this.#point = point;
      this.#firstMs = nowMs;
      this.#tries = 0;
    }
    this.#tries += 1;
    const isLong = this.#tries >= TRIES_MIN && nowMs - this.#firstMs >= SPAN_MS_MIN;
    return isLong && this.#canary.provenMs > this.#firstMs;
  }
}
