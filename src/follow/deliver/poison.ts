import type { Applier, Fault } from './applier.ts';
import type { Canary } from '../prove/canary.ts';
import type { LoggedPoint } from './logged-point.ts';
import type { Suspects } from './suspects.ts';

const TRIES_MIN = 3;

export interface PoisonOptions {
  readonly applier: Pick<Applier, 'answers'>;
  readonly canary: Canary;
  readonly suspects: Suspects;
}

/**
 * Tells a point that breaks every request it is in from an outage: it failed alone at least three times,
 * while a canary, another point, was stored, and the TSD answers by the point's transport, which need not
 * be the canary's. The first such point may be told without a canary, for there may be none yet: what comes
 * after it shows then which it was.
 */
export class Poison {
  readonly #options: PoisonOptions;
  #point = '';
  #firstMs = 0;
  #tries = 0;

  constructor(options: PoisonOptions) {
    this.#options = options;
  }

  /** Notes that a request failed with this point alone in it; true when it is the cause, and is to be set aside. */
  async is(point: LoggedPoint, fault: Fault, nowMs: number): Promise<boolean> {
    if (fault === 'storage') return false;
    const { applier, canary, suspects } = this.#options;
    const { position, index, high, low, telnet } = point;
    const name = `${position.ordinal}/${position.seq}/${index}/${high}/${low}`;
    if (name !== this.#point) {
      this.#point = name;
      this.#firstMs = nowMs;
      this.#tries = 0;
    }
    this.#tries += 1;
    canary.want();
    if (this.#tries < TRIES_MIN) return false;
    const isLikely = canary.isReady ? canary.provenMs > this.#firstMs : suspects.size === 0;
    return isLikely && (await applier.answers(telnet));
  }

  /** The point is tried alone from now on, so that others need not wait for it. */
  setAside(point: LoggedPoint, reason: string, nowMs: number): void {
    const { canary, suspects } = this.#options;
    suspects.setAside({ ...point, error: reason }, nowMs, canary.handled);
  }
}
