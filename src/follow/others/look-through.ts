import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Undone } from '../../record/fork.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Chunk } from '../deliver/chunk.ts';
import { FlushTimes } from '../prove/flush-times.ts';
import { LaterWrites, type OpenStretch, Winners } from './later-writes.ts';
import { type Departure, type PutAgain, PutNotes, type WinnerStanding } from './put-notes.ts';

/** What other lanes that write to the same primary have received, as a topic tells it. */
interface OtherLanes {
  /**
   * Frames with data of other lanes, of which the last record was received at `fromMs` (epoch) or later: all that they had
   * brought to the topic when this was called. Rejects, on the way too, when it can't be read.
   */
  read(fromMs: number, signal: AbortSignal): AsyncIterable<LaneFrame>;

  /** Whether they can see all that was received here until `visibleMsMax` ago. */
  seeAll(): boolean;
}

export interface LookLimits {
  /** What is received is in the topic after this time, or counts as hidden. */
  readonly visibleMsMax: number;
  /** How much the clocks of two proxies may differ. */
  readonly clockBoundMs: number;
  /** Pause between two looks, at least. */
  readonly pauseMs: number;
  /** Without data of others for so long the primary counts as not shared. */
  readonly aloneMs: number;
  /** What was received longer ago is looked at before it is sent, too. */
  readonly oldMs: number;
  /** Puts that may be noted at once; delivery waits beyond. */
  readonly putsMax: number;
}

export const LOOK_LIMITS = {
  visibleMsMax: 3_000,
  pauseMs: 4_000,
  aloneMs: 600_000,
  oldMs: 10_000,
  putsMax: 600_000,
} as const satisfies Partial<LookLimits>;

export interface LookThroughOptions {
  readonly others: OtherLanes;
  readonly limits: LookLimits;
  readonly clock: Clock;
  /** The receive time of a record that came now, epoch ms. */
  readonly receiveNow: () => number;
  /** Records of others that count no more. */
  readonly undone: Undone;
  /** How long the TSD may hold writes before it flushes them, and a margin. */
  readonly flushSpanMs: () => number;
  /** What the cursor has passed. */
  readonly passed: () => Position | undefined;
  readonly events: LookEvents;
}

interface LookEvents {
  /** These are to be put, over what was put before. Resolves when they were, or the signal aborts. */
  giveWay(winners: Winners, signal: AbortSignal): Promise<void>;
  /** What the cursor has not passed must be put again: what others wrote in that time was not looked at. */
  again(reason: string): void;
  /** Called at each change. */
  state(state: LookState): void;
}

export type LookState =
  /** Nobody else writes. */
  | { readonly kind: 'alone' }
  /** Others do, or may: what is put is noted, and compared with what they wrote. */
  | { readonly kind: 'shared' }
  /** Nothing is known of what others write, or they don't know what this one does: the cursor stays. */
  | { readonly kind: 'blind'; readonly reason: string };

const NOT_NOTED: Departure = { landed: () => undefined };
/** A look may take this share of the time. */
const SHARE = 4;
const POLL_MS = 100;
/** While nothing that was put waits to be looked at. */
const IDLE_POLL_MS = 1_000;
const TRIES_MAX = 3;
/** Writes of others that are put together: more wait until these are put. */
export const WINNERS_MAX = 5_000;

/**
 * Sees to it that of two writes of one instant through two proxies the one that was received later stands in the primary in the
 * end, whichever was put last.
 *
 * The lane whose write loses sees to it. A write of another lane that was received later than one of this lane's can only have been
 * put before it, or tied with it inside the TSD, if it was received before all puts of the latter were flushed. So whatever is put
 * is noted with its receive time, be it live, backlog, sent again after a crash, a mend or a canary; and once it is flushed and
 * what others received until then must be in the topic, the topic is read from the oldest of these receive times on. What is
 * found to win is put once more, which is noted in turn. Only then the cursor passes: a crash at any moment before leads to the
 * same puts, notes and looks again.
 *
 * This rests on others' writes being in the topic in good time. A lane that brought something there later must put it once more,
 * for the others have looked without seeing it: it is _blind_ until it has caught up with Kafka, notes nothing, keeps its cursor
 * where it is, and then begins there again. It does the same when it can't read the topic, or when it took itself to be alone.
 */
export class LookThrough {
  readonly #options: LookThroughOptions;
  readonly #writes: LaterWrites;
  readonly #winners = new Winners();
  readonly #notes = new PutNotes();
  readonly #times: FlushTimes;
  #state: LookState = { kind: 'shared' };
  /** While blind: what is received from there on was not looked at. */
  #blindFromMs = Infinity;
  #othersSeenMs = -Infinity;
  #wasAlone = false;
  #failures = 0;
  /** How long the last look read. */
  #readMs = 0;

  constructor(options: LookThroughOptions) {
    this.#options = options;
    this.#writes = new LaterWrites(options.undone);
    this.#times = new FlushTimes(options);
  }

  get state(): LookState {
    return this.#state;
  }

  /** Whether delivery must wait until what was put is looked through. */
  get isFull(): boolean {
    return this.#notes.count >= this.#options.limits.putsMax;
  }

  /** Whether the cursor must stay where it is. */
  get isBlind(): boolean {
    return this.#state.kind === 'blind';
  }

  /** The records from which on something was put that is not looked through. */
  positions(): (Position | undefined)[] {
    return this.#notes.positions();
  }

  /** These lines are on their way. */
  depart(chunk: Chunk, lines: readonly number[]): Departure {
    if (this.isBlind || lines.length === 0) return NOT_NOTED;
    return this.#notes.depart(chunk, lines, this.#isShared);
  }

  /** So are these, once more. */
  departAgain(puts: readonly PutAgain[]): Departure {
    return this.isBlind ? NOT_NOTED : this.#notes.departAgain(puts, this.#isShared);
  }

  /** So are lines of winners. */
  departInstead({ writes, position }: Winners, lines: readonly number[]): Departure {
    return this.isBlind ? NOT_NOTED : this.#notes.departInstead(writes, lines, position);
  }

  /** How one of the winners stands now. */
  standing({ writes, landedMs }: Winners, line: number): WinnerStanding {
    // What this lane puts while it is blind isn't known; all of it is put again.
    return this.#isShared ? this.#notes.standing(writes, line, landedMs) : 'later';
  }

  /** What the TSD has not flushed, or not even read, it may write any time from here on. */
  hold(nowMs: number): void {
    this.#notes.hold(nowMs);
  }

  /** Whether a point may be put again though it was put before: not what the cursor has passed, where others may write, too. */
  mayPutAgain(position: Position): boolean {
    const passed = this.#options.passed();
    const isPassed = passed !== undefined && comparePositions(position, passed) <= 0;
    return !isPassed || this.#state.kind === 'alone';
  }

  /** Something received here came to the topic so late that others may have looked before. */
  hidden(): void {
    this.#goBlind('what is received here comes to the topic too late');
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    let endedMs = clock.monotonicMs();
    while (!signal.aborted) {
      const pollMs = this.isBlind || this.#notes.isPut ? POLL_MS : IDLE_POLL_MS;
      await clock.sleep(Math.min(pollMs, limits.pauseMs), signal);
      const nowMs = clock.monotonicMs();
      this.#notes.turn(nowMs, limits.pauseMs);
      const pauseMs = Math.max(limits.pauseMs, this.isFull ? 0 : this.#readMs * SHARE);
      if (signal.aborted || nowMs - endedMs < pauseMs || !this.#isDue(nowMs)) continue;
      await this.#lookOrFail(signal);
      endedMs = clock.monotonicMs();
    }
  }

  get #isShared(): boolean {
    return this.#state.kind === 'shared';
  }

  /** Whether the oldest that was put is flushed, and what others received until then must be in the topic. */
  #isDue(nowMs: number): boolean {
    if (this.isBlind) return true;
    const [oldest] = this.#notes.stretches;
    return oldest?.first !== undefined && this.#times.isOver(oldest, nowMs);
  }

  async #lookOrFail(signal: AbortSignal): Promise<void> {
    try {
      if (this.isBlind) await this.#tryToSee(signal);
      else await this.#look(signal);
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.#failures += 1;
      const reason = `what other proxies wrote can't be read: ${(error as Error).message}`;
      if (this.#failures >= TRIES_MAX || this.isBlind) this.#goBlind(reason);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    const askedMs = clock.monotonicMs();
    const isWhole = await this.#compare(askedMs, signal);
    if (!isWhole || signal.aborted || this.isBlind) return;
    this.#notes.release((stretch) => this.#times.isOver(stretch, askedMs));
    if (askedMs - this.#othersSeenMs > limits.aloneMs) this.#enter({ kind: 'alone' });
  }

  /** Compares what was put with what others wrote, and gives way to what wins; true when it has seen all of it. */
  async #compare(askedMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, limits, others } = this.#options;
    const winners = this.#winners;
    let givingMs = 0;
    const giveWay = async (): Promise<void> => {
      const fromMs = clock.monotonicMs();
      await this.#options.events.giveWay(winners, signal);
      winners.clear();
      givingMs += clock.monotonicMs() - fromMs;
    };
    try {
      const fromMs = this.#notes.oldestAt - limits.clockBoundMs;
      for await (const frame of others.read(fromMs, signal)) {
        if (this.isBlind) return false;
        this.#othersSeenMs = askedMs;
        if (this.#state.kind === 'alone') {
          this.#share('another proxy writes to the primary, too');
          return false;
        }
        this.#writes.find(frame, this.#open(askedMs), winners);
        if (winners.count >= WINNERS_MAX) await giveWay();
      }
      return true;
    } finally {
      // What was found isn't found again.
      if (winners.count > 0) await giveWay();
      this.#readMs = clock.monotonicMs() - askedMs - givingMs;
    }
  }

  #open(askedMs: number): OpenStretch[] {
    const { clock, receiveNow } = this.#options;
    const clocksMs = receiveNow() - clock.monotonicMs();
    return this.#notes.stretches.map((stretch) => ({
      stretch,
      isFlushed: this.#times.isFlushed(stretch, askedMs),
      contestedUntil: this.#times.contestedUntilMs(stretch) + clocksMs,
    }));
  }

  async #tryToSee(signal: AbortSignal): Promise<void> {
    const { others } = this.#options;
    if (!others.seeAll()) return;
    let isShared = !this.#wasAlone;
    for await (const frame of others.read(this.#blindFromMs, signal)) {
      isShared ||= frame.lastReceivedAt >= this.#blindFromMs;
      break;
    }
    if (signal.aborted || !others.seeAll()) return;
    if (isShared) this.#share('what other proxies wrote meanwhile was not looked at');
    else this.#enter({ kind: 'alone' });
  }

  /** From here on what is put is noted; what was put before, from the cursor on, is put again. */
  #share(reason: string): void {
    this.#notes.clear();
    this.#enter({ kind: 'shared' });
    this.#options.events.again(reason);
  }

  #goBlind(reason: string): void {
    if (!this.isBlind) {
      this.#wasAlone = this.#state.kind === 'alone';
      const { receiveNow, limits } = this.#options;
      const oldestAt = Math.min(receiveNow() - limits.visibleMsMax, this.#notes.oldestAt);
      this.#blindFromMs = oldestAt - limits.clockBoundMs;
    }
    this.#notes.clear();
    this.#enter({ kind: 'blind', reason });
  }

  #enter(state: LookState): void {
    const isSame = JSON.stringify(state) === JSON.stringify(this.#state);
    this.#state = state;
    if (!isSame) this.#options.events.state(state);
  }
}
