import type { LaneFrame } from '../record/lane-frame.ts';
import { DeadLetters } from '../follow/dead-letters.ts';
import type { RefusedPoint } from '../follow/delivery-options.ts';
import { Feed, type FeedEvents, type FeedLimits } from '../follow/feed.ts';
import type { FollowerState } from '../follow/follower.ts';
import type { Suspect } from '../follow/suspects.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Hole } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import { type LaneEnd, lackingOf } from '../record/lane-end.ts';
import { Arrivals } from './arrivals.ts';
import { type DrainState, drainStep, FOLLOWING } from './drain.ts';
import type { Gate } from './gate.ts';
import type { Place } from './place.ts';
import type { StandbySource } from './standby-source.ts';
import type { StateDirectory } from './state-directory.ts';

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
}

export interface StandbyEvents extends Pick<
  FeedEvents,
  'state' | 'facts' | 'resumed' | 'mended' | 'answered' | 'hole'
> {
  /** What was applied is applied again, together with what came late. */
  again(reason: string): void;
  /** The source can't be read; undefined: it can again. Called at each change. */
  trouble(reason: string | undefined): void;
  taken(frame: LaneFrame): void;
  /** The target refuses these for good; they are in the dead letters. */
  deadLetters(suspects: readonly Suspect[]): void;
  /** The place can't be written; it is tried again at the next. */
  unsaved(reason: string): void;
}

const WATCH_MS = 200;
const FLUSH_INTERVAL_MS = 1_000;

/**
 * Keeps an OpenTSDB up with what others write, by the one way in which any is written to. What it surely contains is written down
 * lane by lane; a start goes on there, and what is applied twice thereby changes nothing.
 */
export class Standby {
  readonly #options: StandbyOptions;
  readonly #arrivals: Arrivals;
  readonly #feed: Feed;
  readonly #letters: DeadLetters;
  readonly #start: Position;
  #place: Place;
  #facts: ServerFacts | undefined;
  #trouble: string | undefined;
  /** Nothing else may be decided meanwhile. */
  #isPromoting = false;

  constructor(options: StandbyOptions) {
    const { source, clock, gate, place, state, events } = options;
    this.#options = options;
    this.#place = place;
    this.#letters = new DeadLetters(state.path);
    this.#arrivals = new Arrivals({
      source,
      clock,
      gate,
      place,
      events: {
        released: () => this.#feed.wake(),
        again: (reason) => this.#onAgain(reason),
        trouble: (reason) => this.#onTrouble(reason),
        taken: (frame) => events.taken(frame),
      },
    });
    this.#start = this.#arrivals.end;
    this.#feed = this.#createFeed();
  }

  get state(): FollowerState {
    return this.#feed.state;
  }

  /** What the target surely contains. */
  get place(): Place {
    return this.#place;
  }

  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#feed.open;
  }

  get deadLetters(): number {
    return this.#letters.count;
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
   * Goes on with that over restarts. One that has stopped already stays as it is.
   */
  async drain(ends: readonly LaneEnd[]): Promise<DrainState> {
    const { state } = this.#options;
    if (state.state.promotion.kind !== 'promoted' && !this.#isPromoting) {
      await state.save({ promotion: { kind: 'draining', ends } });
    }
    return this.drained;
  }

  /** Gives up a drain: it follows on. */
  async follow(): Promise<DrainState> {
    const { state, gate } = this.#options;
    if (state.state.promotion.kind === 'draining' && !this.#isPromoting) {
      await state.save({ promotion: FOLLOWING });
      gate.drain(undefined);
      this.#arrivals.release();
    }
    return this.drained;
  }

  /** How far a drain has come. */
  get drained(): DrainState {
    const { promotion } = this.#options.state.state;
    const { place: contained } = this;
    const lacking = promotion.kind === 'draining' ? lackingOf(promotion.ends, contained) : [];
    return { promotion, contained, lacking };
  }

  /** Follows until the signal aborts, everything up to the time to stop at is contained, or a drain is over, now or long ago. */
  async run(signal: AbortSignal): Promise<'stopped' | 'reached' | 'promoted'> {
    const { state } = this.#options;
    if (state.state.promotion.kind === 'promoted') return 'promoted';
    const over = new AbortController();
    const abort = (): void => over.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const parts = [this.#arrivals.run(over.signal), this.#feed.run(over.signal), this.#watch(over)];
    try {
      await Promise.all(parts.map((part) => part.finally(abort)));
    } finally {
      await Promise.allSettled(parts);
      signal.removeEventListener('abort', abort);
    }
    if (this.#isPromoting) return 'promoted';
    return this.#isReached ? 'reached' : 'stopped';
  }

  get #delivered(): Position {
    return this.#feed.delivered ?? this.#start;
  }

  get #isReached(): boolean {
    const { promotion } = this.#options.state.state;
    return promotion.kind === 'none' && this.#arrivals.isOver && this.#isConfirmed;
  }

  /** Whether all that has passed is contained. */
  get #isConfirmed(): boolean {
    const { confirmed = this.#start } = this.#feed;
    return comparePositions(confirmed, this.#arrivals.end) >= 0;
  }

  async #watch(over: AbortController): Promise<void> {
    const { clock } = this.#options;
    while (!over.signal.aborted) {
      if ((await this.#isDrained()) || this.#isReached) return;
      await clock.sleep(WATCH_MS, over.signal);
    }
  }

  /** Takes a drain a step further; whether it has come to its end, durably. */
  async #isDrained(): Promise<boolean> {
    const { state, gate, clock, events } = this.#options;
    const { promotion } = state.state;
    if (promotion.kind !== 'draining') return promotion.kind === 'promoted';
    const step = drainStep(promotion.ends, gate, this.#arrivals.passing);
    if (step === 'passing') this.#arrivals.release();
    if (step === 'passing' || !this.#isConfirmed) return false;
    const place = this.#arrivals.passing;
    this.#isPromoting = true;
    try {
      await state.save({ place, promotion: { kind: 'promoted', sinceMs: clock.now() } });
    } catch (error) {
      this.#isPromoting = false;
      events.unsaved((error as Error).message);
      return false;
    }
    this.#place = place;
    return true;
  }

  #createFeed(): Feed {
    const { target, clock, limits, place, events } = this.#options;
    return new Feed({
      target,
      clock,
      log: this.#arrivals,
      end: () => this.#arrivals.end,
      from: this.#start,
      limits,
      readsAhead: false,
      promptMs: limits.requestTimeoutMs / 2,
      flushIntervalMs: () => this.#facts?.flushIntervalMs ?? FLUSH_INTERVAL_MS,
      isContinued: place.latestMs !== null,
      events: {
        delivered: (_last, refused) => this.#unknown(refused),
        rejected: (suspects) => this.#onRejected(suspects),
        mended: (points) => events.mended(points),
        answered: (points, durationMs) => events.answered(points, durationMs),
        state: (state) => {
          if (!this.#isPromoting) events.state(state);
        },
        facts: (facts) => {
          this.#facts = facts;
          events.facts(facts);
        },
        resumed: (reason) => events.resumed(reason),
        stored: () => undefined,
        confirmed: (position) => this.#onConfirmed(position),
        hole: (hole: Hole) => events.hole(hole),
      },
    });
  }

  /** Without the points that the primary refused, too: their clients were told. */
  #unknown<P extends RefusedPoint>(refused: readonly P[]): P[] {
    return refused.filter(
      ({ position, index }) => !this.#arrivals.isRefused(this.#arrivals.recordAt(position, index)),
    );
  }

  async #onRejected(suspects: readonly Suspect[]): Promise<void> {
    const letters = this.#unknown(suspects).map((suspect) => {
      const { index, ...position } = this.#arrivals.recordAt(suspect.position, suspect.index);
      return Object.assign({}, suspect, { position, index });
    });
    if (letters.length === 0) return;
    await this.#letters.write(letters, this.#options.clock.now());
    this.#options.events.deadLetters(letters);
  }

  async #onConfirmed(position: Position): Promise<void> {
    const { state, events } = this.#options;
    const place = this.#arrivals.confirm(position);
    this.#place = place;
    try {
      await state.save({ place });
    } catch (error) {
      events.unsaved((error as Error).message);
    }
  }

  #onAgain(reason: string): void {
    this.#feed.degrade(reason);
    this.#options.events.again(reason);
  }

  #onTrouble(reason: string | undefined): void {
    if (reason === this.#trouble) return;
    this.#trouble = reason;
    this.#options.events.trouble(reason);
  }
}
