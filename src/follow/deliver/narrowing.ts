import type { BatchLimits } from './batch.ts';
import { Poison, type PoisonOptions } from './poison.ts';
import type { NotSent } from '../rewrites/send-again.ts';

/**
 * Finds the point that breaks every request it is in among those that are put besides the log, and sets it aside: what fails halves
 * the next request, down to one point, and what passes doubles it. What passes must not be in a request again, so that the point comes first.
 */
export class Narrowing {
  readonly #poison: Poison;
  #points = Infinity;

  constructor(options: PoisonOptions) {
    this.#poison = new Poison(options);
  }

  /** How large the next request may be. */
  within(limits: BatchLimits): BatchLimits {
    return { ...limits, points: Math.min(limits.points, this.#points) };
  }

  passed(): void {
    this.#points *= 2;
  }

  /** Notes a failure. True when the one point of the request is the cause, and is set aside: it is over then for whoever sent it. */
  async failed(sent: NotSent, nowMs: number): Promise<boolean> {
    const { batch, first } = sent;
    const { fault, reason } = sent.kind === 'failed' ? sent : TOO_LARGE;
    if (batch.lines.length === 1 && (await this.#poison.is(first, fault, nowMs))) {
      this.#poison.setAside(first, reason, nowMs);
      return true;
    }
    if (fault !== 'storage') this.#points = Math.max(1, Math.floor(batch.lines.length / 2));
    return false;
  }
}

const TOO_LARGE = { fault: 'answer', reason: 'the point is too large for a request' } as const;
