import type { Applier } from './applier.ts';
import type { BatchLimits } from './batch.ts';
import type { Canary } from './canary.ts';
import { Poison } from './poison.ts';
import type { NotSent } from './send-again.ts';

/**
 * Finds the point that breaks every request it is in among those that are put besides the log: what fails halves the next
 * request, down to one point, and what passes doubles it. What passes must not be in a request again, so that the point comes first.
 */
export class Narrowing {
  readonly #poison: Poison;
  #points = Infinity;

  constructor(canary: Canary, applier: Pick<Applier, 'answers'>) {
    this.#poison = new Poison(canary, applier);
  }

  /** How large the next request may be. */
  within(limits: BatchLimits): BatchLimits {
    return { ...limits, points: Math.min(limits.points, this.#points) };
  }

  passed(): void {
    this.#points *= 2;
  }

  /** Notes a failure; the reason why the one point of the batch is to be set aside, if it is. `aside`: how many are already. */
  async failed(
    sent: NotSent,
    now: { readonly ms: number; readonly aside: number },
  ): Promise<string | undefined> {
    const { batch } = sent;
    const { fault, reason } = sent.kind === 'failed' ? sent : TOO_LARGE;
    if (await this.#poison.is(batch, fault, now)) return reason;
    if (fault !== 'storage') this.#points = Math.max(1, Math.floor(batch.lines.length / 2));
    return undefined;
  }
}

const TOO_LARGE = { fault: 'answer', reason: 'the point is too large for a request' } as const;
