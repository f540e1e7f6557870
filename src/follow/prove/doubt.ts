import { comparePositions, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Fault } from '../deliver/applier.ts';
import type { DoubtReason } from './confirmation.ts';

export interface DoubtOptions {
  /** What is in doubt is delivered again when the TSD was without trouble for so long. */
  readonly healWindowMs: number;
  readonly clock: Clock;
  /** Called when something comes to be in doubt. */
  readonly begun: (reason: string) => void;
}

interface Failure {
  readonly fault: Fault;
  readonly reason: string;
}

export interface DoubtState {
  readonly reason: string;
  /** Epoch ms. */
  readonly since: number;
}

/** As long as it takes, and some more, to find that nothing is stored any more. */
const PROVEN_MS_MAX = 30_000;
/** Without success the pause between two repeats doubles so many times. */
const DOUBLINGS_MAX = 5;
/** Between two repeats what is new gets at least so many times as long as the last one took. */
const SHARE = 4;

/**
 * Whether the TSD may have lost some of what it took, though it goes on storing the rest: one region of many is in trouble, say. What was
 * delivered and isn't confirmed is in doubt then, and nothing more is confirmed. It is delivered again when that helps, once the
 * trouble is over; what is new is delivered meanwhile. A repeat goes through to what was new when it began, whatever happens, and the next one
 * comes after a pause, so that trouble which doesn't end leaves most of the time to what is new.
 */
export class Doubt {
  readonly #options: DoubtOptions;
  #state: DoubtState | undefined;
  /** When there last was trouble. */
  #troubleMs = -Infinity;
  /** What is delivered again ends here, or did. */
  #repeatedTo: Position | undefined;
  /** Since when it is. */
  #repeatingSinceMs: number | undefined;
  /** Repeats since something was confirmed up to their end. */
  #repeats = 0;
  /** No other repeat before. */
  #pausedUntilMs = -Infinity;

  constructor(options: DoubtOptions) {
    this.#options = options;
  }

  get state(): DoubtState | undefined {
    return this.#state;
  }

  /** There is trouble now. */
  note(reason: string): void {
    const { clock, begun } = this.#options;
    this.#troubleMs = clock.monotonicMs();
    const isNew = this.#state === undefined;
    this.#state ??= { reason, since: clock.now() };
    if (isNew) begun(reason);
  }

  /** What is to be delivered again at once because of an alarm: the others are doubt, or add nothing to it. */
  weigh(alarm: DoubtReason | undefined): DoubtReason | undefined {
    if (alarm === 'storage errors') {
      this.note('it counts storage errors');
      return undefined;
    }
    return alarm === 'exceptions' && this.#state !== undefined ? undefined : alarm;
  }

  /**
   * Takes a failure; true when it is trouble of a part of the storage, as there was before: what failed is in doubt then, too. `provenMs`: when
   * the TSD was last seen to store.
   */
  isPartial({ fault, reason }: Failure, provenMs: number): boolean {
    const isKnown = this.#state !== undefined || !this.mayRepeat;
    const isProven = this.#options.clock.monotonicMs() - provenMs <= PROVEN_MS_MAX;
    if (fault !== 'storage' || !isKnown || !isProven) return false;
    this.note(reason);
    return true;
  }

  /** What was delivered, up to there, is delivered again; undefined: all of it is confirmed. Nothing is in doubt until there is trouble again. */
  repeat(to: Position | undefined): void {
    this.#state = undefined;
    if (to === undefined) return;
    this.#repeats += 1;
    this.#repeatingSinceMs ??= this.#options.clock.monotonicMs();
    if (isBefore(this.#repeatedTo, to)) this.#repeatedTo = to;
  }

  /** All up to there was handled. */
  noteDelivered(delivered: Position | undefined): void {
    const sinceMs = this.#repeatingSinceMs;
    if (sinceMs === undefined || isBefore(delivered, this.#repeatedTo)) return;
    const { clock, healWindowMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#repeatingSinceMs = undefined;
    const pauseMs = healWindowMs * 2 ** Math.min(this.#repeats, DOUBLINGS_MAX);
    this.#pausedUntilMs = nowMs + Math.max(pauseMs, SHARE * (nowMs - sinceMs));
  }

  /** All up to there is confirmed. */
  noteConfirmed(confirmed: Position | undefined): void {
    if (isBefore(confirmed, this.#repeatedTo)) return;
    this.#repeats = 0;
    this.#pausedUntilMs = -Infinity;
  }

  /** Whether another repeat leaves enough time to what is new. */
  get mayRepeat(): boolean {
    const isRepeating = this.#repeatingSinceMs !== undefined;
    return !isRepeating && this.#options.clock.monotonicMs() >= this.#pausedUntilMs;
  }

  /** Whether what is in doubt is to be delivered again, when until then no counter had moved. */
  isOver(steadyMs: number): boolean {
    const isLong = steadyMs - this.#troubleMs >= this.#options.healWindowMs;
    return this.#state !== undefined && isLong && this.mayRepeat;
  }
}

function isBefore(position: Position | undefined, other: Position | undefined): boolean {
  if (other === undefined) return false;
  return position === undefined || comparePositions(position, other) < 0;
}
