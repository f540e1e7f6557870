import type { Fork } from '../../record/fork.ts';
import type { LaneEnd } from '../../record/lane-end.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Arrivals } from '../arrivals/arrivals.ts';
import {
  assertMayDrain,
  type DrainState,
  drainState,
  drainStep,
  type DrainTold,
  FOLLOWING,
  type Passing,
  promotedOf,
  type PromotionState,
  saidOf,
} from './drain.ts';
import type { Gate } from '../arrivals/gate.ts';
import type { Place } from '../place.ts';
import type { StateDirectory } from './state-directory.ts';
import { SerialQueue } from '../../runtime/serial-queue.ts';

export interface DrainingOptions {
  readonly state: StateDirectory;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly arrivals: Pick<Arrivals, 'passing' | 'sentSoonMs' | 'isOverAt' | 'release'>;
  /** Whether the target has answered for all that has passed the gate. */
  readonly isAnswered: () => boolean;
  /** Whether the target contains all that has passed the gate. */
  readonly isConfirmed: () => boolean;
  /** Its end can't be written down; that is tried again at the next step. */
  readonly unsaved: (reason: string) => void;
}

/** The drain of a standby, over restarts: what is decided is written down before it is told, one decision after the other. */
export class Draining {
  readonly #options: DrainingOptions;
  #isOver = false;
  /** Until they are written down. */
  readonly #decisions = new SerialQueue();

  constructor(options: DrainingOptions) {
    this.#options = options;
  }

  get promotion(): PromotionState {
    return this.#options.state.state.promotion;
  }

  /** Whether it has come to its end since the start, be that written down or just about to be. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How far it has come; `place`: what the target contains. */
  stateAt(place: Place): DrainState {
    const isAnswered = this.#options.isAnswered();
    return drainState(this.promotion, place, { ...this.#passing, isAnswered });
  }

  /** Resolves once it is written down. What has ended stays so, but for what proxies are switched with. Throws PROMOTE_REFUSED. */
  async begin(ends: readonly LaneEnd[], fork?: Fork, told: DrainTold = {}): Promise<void> {
    await this.#decisions.run(() => this.#begin(ends, fork, told));
  }

  /** Does nothing where none is under way. */
  async giveUp(): Promise<void> {
    await this.#decisions.run(async () => {
      if (this.promotion.kind !== 'draining') return;
      const { state, gate, arrivals } = this.#options;
      await state.save({ promotion: FOLLOWING });
      gate.drain(undefined);
      arrivals.release();
    });
  }

  /** Takes it a step further: what the target contains once it has come to its end, durably; undefined before. */
  async step(): Promise<Place | undefined> {
    const { gate, arrivals, isConfirmed } = this.#options;
    const { promotion } = this;
    // What it goes by may be another the moment after.
    if (promotion.kind !== 'draining' || !this.#decisions.isIdle) return undefined;
    const step = drainStep(promotion, gate, this.#passing);
    if (step === 'passing') arrivals.release();
    if (step === 'passing' || !isConfirmed()) return undefined;
    return this.#decisions.run(() => this.#end(promotion));
  }

  async #begin(
    ends: readonly LaneEnd[],
    fork: Fork | undefined,
    { to, after }: DrainTold,
  ): Promise<void> {
    const { state, gate, arrivals } = this.#options;
    const { promotion } = this;
    const known = promotion.kind === 'none' ? undefined : promotion.to;
    const said = saidOf(fork, to ?? known);
    assertMayDrain(promotion, fork, arrivals.sentSoonMs);
    if (promotion.kind !== 'promoted') {
      // What passes from here on isn't later; what passed before was looked at.
      if (fork !== undefined) gate.drain(fork.at);
      try {
        const order = after === undefined ? {} : { after };
        await state.save({ promotion: { kind: 'draining', ends, ...order, ...said } });
      } finally {
        // Where it could not be written down it follows on.
        if (this.promotion.kind === 'none') gate.drain(undefined);
      }
    } else if ((fork !== undefined && fork.id !== promotion.fork?.id) || said.to !== known) {
      await state.save({ promotion: { ...promotion, ...said } });
    }
  }

  async #end(promotion: Extract<PromotionState, { kind: 'draining' }>): Promise<Place | undefined> {
    const { state, clock, arrivals, unsaved } = this.#options;
    const place = arrivals.passing;
    this.#isOver = true;
    try {
      await state.save({ place, promotion: promotedOf(promotion, clock.now()) });
    } catch (error) {
      this.#isOver = false;
      unsaved((error as Error).message);
      return undefined;
    }
    return place;
  }

  get #passing(): Passing {
    const { arrivals } = this.#options;
    return { passing: arrivals.passing, isOverAt: (ms) => arrivals.isOverAt(ms) };
  }
}
