import type { LaneFrame } from '../record/lane-frame.ts';
import type { DoubtState } from '../follow/prove/doubt.ts';
import { Feed, type FeedEvents, type FeedLimits } from '../follow/feed.ts';
import type { FollowerState } from '../follow/follower.ts';
import type { Suspect } from '../follow/deliver/suspects.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Hole } from '../record/control.ts';
import type { Fork } from '../record/fork.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LaneEnd } from '../record/lane-end.ts';
import { WalError } from '../runtime/errors.ts';
import { Arrivals } from './arrivals/arrivals.ts';
import {
  type DrainState,
  type DrainTold,
  drainLookMs,
  type PromotionState,
} from './target/drain.ts';
import { Draining } from './target/draining.ts';
import type { Gate } from './arrivals/gate.ts';
import { KnownTarget } from './target/known-target.ts';
import { TargetWatch } from './source/target-watch.ts';
import { Nudge } from '../runtime/nudge.ts';
import type { Place } from './place.ts';
import type { ReadAheadEvents } from './arrivals/read-ahead.ts';
import type { SeenLane } from './source/seen-lanes.ts';
import type { StandbySource } from './source/standby-source.ts';
import type { StateDirectory } from './target/state-directory.ts';
import { TargetRefusals } from './target/target-refusals.ts';

export interface StandbyOptions {
  readonly target: URL;
  /** It gives what `place` lacks. */
  readonly source: StandbySource;
  readonly state: StateDirectory;
  /** What the target contains. */
  readonly place: Place;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly limits: FeedLimits;
  readonly events: StandbyEvents;
  /** Asked while the target is up and was sent nothing yet: why it is not to be sent anything now. Rejects when it never is. */
  readonly vet?: () => Promise<string | undefined>;
}

export interface StandbyEvents extends Pick<
  FeedEvents,
  'state' | 'facts' | 'resumed' | 'doubted' | 'mended' | 'unsettled' | 'answered' | 'hole'
> {
  /** As `ReadAheadEvents` tells it. */
  again: ReadAheadEvents['again'];
  /** The source can't be read; undefined: it can again. Called at each change. */
  trouble(reason: string | undefined): void;
  taken(frame: LaneFrame): void;
  /** The log says that this is undone, and the target has none of it: it is left out. */
  forked(fork: Fork): void;
  /** The target refuses these for good; they are in the dead letters. */
  deadLetters(suspects: readonly Suspect[]): void;
  /** The place can't be written; it is tried again at the next. */
  unsaved(reason: string): void;
}

const FLUSH_INTERVAL_MS = 1_000;

/**
 * Keeps an OpenTSDB up with what others write, by the one way in which any is written to. What it surely contains is written down
 * lane by lane; a start goes on there, and what is applied twice thereby changes nothing.
 */
export class Standby {
  readonly #options: StandbyOptions;
  readonly #arrivals: Arrivals;
  readonly #feed: Feed;
  readonly #refusals: TargetRefusals;
  readonly #start: Position;
  readonly #known: KnownTarget;
  #facts: ServerFacts | undefined;
  #trouble: string | undefined;
  #isEnding = false;
  /** Everything up to the time to stop at is contained: the source tells no more of that once it is closed. */
  #hasReached = false;
  readonly #draining: Draining;
  readonly #targetWatch: TargetWatch;
  readonly #watching = new Nudge();

  constructor(options: StandbyOptions) {
    const { source, target, clock, gate, place, state, events } = options;
    const { promotion, forks, sentToMs } = state.state;
    // Nothing later may pass before the first look.
    if (promotion.kind === 'draining' && promotion.fork !== undefined)
      gate.drain(promotion.fork.at);
    this.#options = options;
    this.#known = new KnownTarget({ state, place, unsaved: (reason) => events.unsaved(reason) });
    this.#targetWatch = new TargetWatch(target, source);
    this.#arrivals = new Arrivals({
      source,
      clock,
      gate,
      place,
      sentToMs: sentToMs ?? clock.now(),
      forks,
      events: {
        sending: (toMs) => this.#known.noteSending(toMs),
        forked: (fork) => {
          events.forked(fork);
          this.#known.noteUndone(fork);
        },
        released: () => this.#feed.wake(),
        looked: () => this.#targetWatch.looked(),
        again: (reason, missing) => {
          this.#feed.degrade(reason);
          events.again(reason, missing);
        },
        missing: (hole) => events.hole(hole),
        trouble: (reason) => this.#onTrouble(reason),
        taken: (frame) => events.taken(frame),
      },
    });
    this.#start = this.#arrivals.end;
    this.#refusals = new TargetRefusals({
      directory: state.path,
      arrivals: this.#arrivals,
      clock,
      deadLetters: (suspects) => events.deadLetters(suspects),
    });
    this.#feed = this.#createFeed();
    this.#draining = new Draining({
      state,
      gate,
      clock,
      arrivals: this.#arrivals,
      isAnswered: () => comparePositions(this.#delivered, this.#arrivals.end) >= 0,
      isConfirmed: () => this.#isConfirmed,
      unsaved: (reason) => events.unsaved(reason),
    });
  }

  get state(): FollowerState {
    return this.#feed.state;
  }

  /** Why what it was given and isn't confirmed may be lost in part; undefined: it isn't known to be. */
  get doubt(): DoubtState | undefined {
    return this.#feed.doubt;
  }

  /** What the target surely contains. */
  get place(): Place {
    return this.#known.place;
  }

  /** Nothing that was received later was ever sent to the target, epoch ms. */
  get sentToMs(): number {
    return this.#arrivals.sentToMs;
  }

  /** What is known to be undone of the log: the target has none of it. */
  get forks(): readonly Fork[] {
    return this.#known.forks;
  }

  /** Who was seen to write to what it follows, applied or not; `isComplete`: as far as the end of that a moment ago. */
  get seen(): { readonly isComplete: boolean; readonly lanes: ReadonlyMap<string, SeenLane> } {
    return { isComplete: this.#arrivals.isLooked, lanes: this.#options.source.lanes };
  }

  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#feed.open;
  }

  get deadLetters(): number {
    return this.#refusals.count;
  }

  /** Why the source can't be read. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What is known to be there and the target has not answered for: records, and how long ago the oldest was received. */
  get lag(): { readonly records: number; readonly seconds: number } {
    const { clock, source } = this.#options;
    const { records, sinceMs = Infinity } = this.#arrivals.behind(this.#delivered);
    const oldestMs = Math.min(sinceMs, source.heldSinceMs ?? Infinity);
    return { records, seconds: Math.max(0, (clock.now() - oldestMs) / 1_000) };
  }

  /** Stops where it stands, durably, until `resume`. */
  async pause(): Promise<void> {
    const { gate, state } = this.#options;
    await state.save({ isPaused: true });
    gate.pause();
  }

  async resume(): Promise<void> {
    const { gate, state } = this.#options;
    await state.save({ isPaused: false });
    gate.resume();
    this.#arrivals.release();
  }

  /**
   * Comes to contain everything up to these ends, without a delay, and then stops for good, so that others may write to the target.
   * Goes on with that over restarts. One that has stopped already stays as it is. With a fork it comes to contain everything that was
   * received up to the time of that, and nothing later; one that has stopped so may be given another fork at the same time, of no fewer
   * lanes. Where proxies reach the target is only kept. Throws PROMOTE_REFUSED when the target may hold something later.
   */
  async drain(ends: readonly LaneEnd[], fork?: Fork, told?: DrainTold): Promise<DrainState> {
    await this.#draining.begin(ends, fork, told);
    this.#watching.give();
    return this.drained;
  }

  /** Gives up a drain: it follows on. */
  async follow(): Promise<DrainState> {
    await this.#draining.giveUp();
    return this.drained;
  }

  /** What it does on the way to be the primary. */
  get promotion(): PromotionState {
    return this.#draining.promotion;
  }

  /** How far a drain has come. */
  get drained(): DrainState {
    return this.#draining.stateAt(this.place);
  }

  /** Follows until the signal aborts, everything up to the time to stop at is contained, or a drain is over, now or long ago. */
  async run(signal: AbortSignal): Promise<'stopped' | 'reached' | 'promoted'> {
    if (this.promotion.kind === 'promoted') return 'promoted';
    const over = new AbortController();
    const abort = (): void => {
      this.#isEnding = true;
      over.abort();
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const parts = [this.#arrivals.run(over.signal), this.#feed.run(over.signal), this.#watch(over)];
    try {
      await Promise.all(parts.map((part) => part.finally(abort)));
    } catch (error) {
      // It is not met again after what is contained: so that is not begun with any more.
      if (error instanceof WalError && error.code === 'STANDBY_FORKED') {
        await this.#options.state.save({ forked: error.message });
      }
      throw error;
    } finally {
      await Promise.allSettled(parts);
      signal.removeEventListener('abort', abort);
    }
    return this.#draining.isOver ? 'promoted' : this.#hasReached ? 'reached' : 'stopped';
  }

  get #delivered(): Position {
    return this.#feed.delivered ?? this.#start;
  }

  get #isReached(): boolean {
    return this.promotion.kind === 'none' && this.#arrivals.isOver && this.#isConfirmed;
  }

  /** Whether all that has passed is contained. */
  get #isConfirmed(): boolean {
    return comparePositions(this.#feed.confirmed ?? this.#start, this.#arrivals.end) >= 0;
  }

  async #watch(over: AbortController): Promise<void> {
    const { clock, gate } = this.#options;
    over.signal.addEventListener('abort', () => this.#watching.give(), { once: true });
    while (!over.signal.aborted) {
      const contained = await this.#draining.step();
      if (contained !== undefined) this.#known.noteEnd(contained);
      this.#hasReached = this.#isReached;
      if (contained !== undefined || this.#hasReached) return;
      await this.#watching.within(drainLookMs(this.promotion, gate), clock);
    }
  }

  #createFeed(): Feed {
    const { target, clock, gate, limits, place, events } = this.#options;
    return new Feed({
      target,
      clock,
      log: this.#arrivals,
      end: () => this.#arrivals.end,
      from: this.#start,
      limits,
      isAwaited: () => gate.isEnding,
      readsAhead: false,
      promptMs: limits.requestTimeoutMs / 2,
      flushIntervalMs: () => this.#facts?.flushIntervalMs ?? FLUSH_INTERVAL_MS,
      isContinued: place.latestMs !== null,
      barred: async (through, isUp) => {
        this.#targetWatch.answered(through);
        return isUp ? this.#admit() : undefined;
      },
      events: {
        delivered: (_last, refused) => this.#refusals.among(refused),
        rejected: (suspects) => this.#refusals.note(suspects),
        mended: (points) => events.mended(points),
        unsettled: (points) => events.unsettled(points),
        answered: (points, durationMs) => events.answered(points, durationMs),
        state: (state) => {
          // How it ends is no news of the target.
          if (!this.#isEnding && !this.#draining.isOver) events.state(state);
        },
        facts: (facts) => {
          this.#facts = facts;
          events.facts(facts);
        },
        resumed: (reason) => events.resumed(reason),
        doubted: (reason) => events.doubted(reason),
        stored: () => undefined,
        confirmed: (position) => this.#known.noteContained(this.#arrivals.confirm(position)),
        hole: (hole: Hole) => events.hole(hole),
      },
    });
  }

  async #admit(): Promise<string | undefined> {
    const { state, vet } = this.#options;
    if (state.state.isReached) return undefined;
    return (await vet?.()) ?? this.#known.noteReached();
  }

  #onTrouble(reason: string | undefined): void {
    if (reason === this.#trouble) return;
    this.#trouble = reason;
    this.#options.events.trouble(reason);
  }
}
