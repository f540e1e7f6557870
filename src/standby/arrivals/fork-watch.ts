import type { Fork, Undone } from '../../record/fork.ts';
import type { Clock } from '../../runtime/clock.ts';
import { forked } from './forked.ts';
import type { Place } from '../place.ts';
import type { StandbySource } from '../source/standby-source.ts';

export interface ForkWatchOptions {
  readonly source: Pick<StandbySource, 'forksAhead' | 'isSaidBy'>;
  readonly clock: Clock;
  /** What the target contained at first. */
  readonly place: Place;
  /** What is known; new ones are added. */
  readonly undone: Undone;
  /** Nothing that was received later was ever sent to the target, epoch ms. */
  readonly sentToMs: () => number;
  /** It is among the known ones now. */
  readonly onForked: (fork: Fork) => void;
}

/** It is looked so often. */
const EVERY_MS = 1_000;
/** What was said so long ago, or longer, is known before anything more is sent. */
const FRESH_MS = 5_000;

/**
 * What the log says to be undone, as soon as it says it: where it is met, and after all that was taken. A record that undoes others comes after
 * them, with a delay by hours: so it is looked for before more is sent than was known to be right.
 */
export class ForkWatch {
  readonly #options: ForkWatchOptions;
  /** What was there then is known; monotonic ms. */
  #seenMs = -Infinity;
  /** Said by the source, which says it once, and not met yet. */
  readonly #ahead: Fork[] = [];

  constructor(options: ForkWatchOptions) {
    this.#options = options;
  }

  /** Whether what the source said until a moment ago is known. */
  get isFresh(): boolean {
    return this.#options.clock.monotonicMs() - this.#seenMs <= FRESH_MS;
  }

  /** What the source says ahead, if it is time for another look. Rejects when it can't be read; throws as `meet`. */
  async look(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#seenMs < EVERY_MS) return;
    this.#ahead.push(...(await source.forksAhead(signal)));
    for (let fork = this.#ahead[0]; fork !== undefined; fork = this.#ahead[0]) {
      await this.meet(fork, signal);
      this.#ahead.shift();
    }
    if (!signal.aborted) this.#seenMs = nowMs;
  }

  /** Throws STANDBY_FORKED when the target may have something of what is undone. */
  async meet(fork: Fork, signal: AbortSignal): Promise<void> {
    const { undone, sentToMs, onForked } = this.#options;
    if (undone.knows(fork)) return;
    if (sentToMs() > fork.at && !(await this.#isBegunAfter(fork, signal))) {
      if (signal.aborted) return;
      throw forked(fork, sentToMs());
    }
    undone.add(fork);
    onForked(fork);
  }

  /** Whether what the target was given before all of this is without what the fork undid, as it was told by then. */
  async #isBegunAfter(fork: Fork, signal: AbortSignal): Promise<boolean> {
    const { source, place } = this.#options;
    const { sinceMs } = place;
    return sinceMs !== null && sinceMs > fork.at && source.isSaidBy(fork, sinceMs, signal);
  }
}
