import type { Applier, Fault } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Canary } from './canary.ts';

const TRIES_MIN = 3;

/**
 * Tells a point that breaks every request it is in from an outage: it failed alone at least three times,
 * while a canary, another point, was stored, and the TSD answers by the point's transport, which need not
 * be the canary's. The first such point may be told without a canary, for there may be none yet: what comes
 * behind it shows then which it was.
 */
export class Poison {
  readonly #canary: Canary;
  readonly #applier: Pick<Applier, 'answers'>;
  #point = '';
  #firstMs = 0;
  #tries = 0;

  constructor(canary: Canary, applier: Pick<Applier, 'answers'>) {
    this.#canary = canary;
    this.#applier = applier;
  }

  /** Notes that the batch failed; true when its point is to be set aside. `aside`: how many are already. */
  async is(
    batch: Batch,
    fault: Fault,
    now: { readonly ms: number; readonly aside: number },
  ): Promise<boolean> {
    const [line] = batch.lines;
    if (line === undefined || batch.lines.length > 1 || fault === 'storage') return false;
    const { chunk } = batch;
    const { ordinal, seq } = chunk.positionOf(line);
    const cell = `${chunk.keyHigh[line]}/${chunk.keyLow[line]}`;
    const point = `${ordinal}/${seq}/${chunk.indexes[line]}/${cell}`;
    if (point !== this.#point) {
      this.#point = point;
      this.#firstMs = now.ms;
      this.#tries = 0;
    }
    this.#tries += 1;
    this.#canary.want();
    if (this.#tries < TRIES_MIN) return false;
    const isLikely = this.#canary.isReady ? this.#canary.provenMs > this.#firstMs : now.aside === 0;
    return isLikely && (await this.#applier.answers(batch.telnet));
  }
}
