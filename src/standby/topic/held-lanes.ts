import type { Clock } from '../../runtime/clock.ts';
import type { Frontier } from '../source/frontier.ts';
import type { LaneQueue } from './lane-queue.ts';

const LIMITS = {
  /** A late lane has caught up when it is no further behind. */
  caughtUpMs: 2_000,
  /** One that doesn't get nearer in such a time has caught up as far as it will. */
  lookMs: 30_000,
} as const;

/** Lanes of which something came too late: nothing of them is given until they have caught up. */
export class HeldLanes {
  readonly #clock: Clock;
  readonly #lanes = new Map<LaneQueue, { readonly lookedMs: number; readonly behindMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get lanes(): readonly LaneQueue[] {
    return [...this.#lanes.keys()];
  }

  /** Receive time of the oldest record that is held back, epoch ms; Infinity when none is. */
  get sinceMs(): number {
    return Math.min(...this.lanes.map(({ late }) => late?.sinceMs ?? Infinity));
  }

  add(lane: LaneQueue, frontier: Frontier): void {
    this.#look(lane, frontier.ms - lane.reachedMs);
  }

  isNear({ reachedMs }: LaneQueue, frontier: Frontier): boolean {
    return reachedMs >= frontier.ms - LIMITS.caughtUpMs;
  }

  /** Whether waiting for it helps. */
  comesNearer(lane: LaneQueue, frontier: Frontier): boolean {
    const last = this.#lanes.get(lane);
    if (last === undefined || this.#clock.monotonicMs() - last.lookedMs < LIMITS.lookMs)
      return true;
    const behindMs = frontier.ms - lane.reachedMs;
    this.#look(lane, behindMs);
    return behindMs < last.behindMs - LIMITS.lookMs / 2;
  }

  #look(lane: LaneQueue, behindMs: number): void {
    this.#lanes.set(lane, { lookedMs: this.#clock.monotonicMs(), behindMs });
  }
}
