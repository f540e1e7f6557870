import type { LaneFrame } from '../record/lane-frame.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Chunk } from './chunk.ts';
import { type LaterWrite, LaterWrites, type OpenStretch } from './later-writes.ts';
import { PutStretch } from './put-stretch.ts';

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
  /** How long the TSD may hold writes before it flushes them, and a margin. */
  readonly flushSpanMs: () => number;
  /** What the cursor has passed. */
  readonly passed: () => Position | undefined;
  /** Whether more can be put once more. */
  readonly hasRoom: () => boolean;
  readonly events: LookEvents;
}

interface LookEvents {
  /** This must be put once more, over what was put until `landedMs`; the cursor stays before the position until then. */
  later(write: LaterWrite, position: Position, landedMs: number): void;
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

/** A request with points on its way to the primary. */
export interface Departure {
  /** It was answered, or given up. */
  landed(nowMs: number): void;
}

/** What was put before is put again. */
export interface PutAgain {
  readonly high: number;
  readonly low: number;
  readonly receivedAt: number;
  readonly position: Position;
}

const NOT_NOTED: Departure = { landed: () => undefined };
/** A look may take this share of the time. */
const SHARE = 4;
const POLL_MS = 100;
const TRIES_MAX = 3;
/** Each is asked for every write of others. */
const STRETCHES_MAX = 6;

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
  readonly #writes = new LaterWrites();
  /** Oldest first; what is put now is noted in the last. */
  #stretches: PutStretch[] = [new PutStretch()];
  #state: LookState = { kind: 'shared' };
  /** While blind: what is received from there on was not looked at. */
  #blindFromMs = Infinity;
  #othersSeenMs = -Infinity;
  #wasAlone = false;
  #failures = 0;
  #lookMs = 0;
  #begunMs = -Infinity;

  constructor(options: LookThroughOptions) {
    this.#options = options;
  }

  get state(): LookState {
    return this.#state;
  }

  /** Whether delivery must wait until what was put is looked through. */
  get isFull(): boolean {
    return this.#count >= this.#options.limits.putsMax;
  }

  /** Whether the cursor must stay where it is. */
  get isBlind(): boolean {
    return this.#state.kind === 'blind';
  }

  /** The records from which on something was put that is not looked through. */
  positions(): (Position | undefined)[] {
    return this.#stretches.map(({ first }) => first);
  }

  /** These lines are on their way. */
  depart(chunk: Chunk, lines: readonly number[]): Departure {
    const [first] = lines;
    if (this.isBlind || first === undefined) return NOT_NOTED;
    const { cells } = this.#current;
    const isShared = this.#state.kind === 'shared';
    let oldest = first;
    for (const line of lines) {
      if ((chunk.seqs[line] ?? 0) < (chunk.seqs[oldest] ?? 0)) oldest = line;
      if (isShared)
        cells.put(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0, chunk.times[line] ?? 0);
    }
    return this.#begin(chunk.positionOf(oldest), chunk.times[oldest] ?? 0);
  }

  /** So are these, once more. */
  departAgain(puts: readonly PutAgain[]): Departure {
    if (this.isBlind) return NOT_NOTED;
    const begun = puts.map(({ high, low, receivedAt, position }) => {
      if (this.#state.kind === 'shared') this.#current.cells.put(high, low, receivedAt);
      return this.#begin(position, receivedAt);
    });
    return { landed: (nowMs) => begun.forEach((one) => one.landed(nowMs)) };
  }

  /** What the TSD has not flushed, or not even read, it may write any time from here on. */
  hold(nowMs: number): void {
    for (const stretch of this.#stretches) stretch.hold(nowMs);
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
      await clock.sleep(Math.min(POLL_MS, limits.pauseMs), signal);
      const nowMs = clock.monotonicMs();
      this.#turn(nowMs);
      const pauseMs = Math.max(limits.pauseMs, this.isFull ? 0 : this.#lookMs * SHARE);
      if (signal.aborted || nowMs - endedMs < pauseMs || !this.#isDue(nowMs)) continue;
      await this.#lookOrFail(signal);
      endedMs = clock.monotonicMs();
      this.#lookMs = endedMs - nowMs;
    }
  }

  get #current(): PutStretch {
    const current = this.#stretches.at(-1);
    if (current !== undefined) return current;
    const begun = new PutStretch();
    this.#stretches.push(begun);
    return begun;
  }

  /** What is put from here on is over later. */
  #turn(nowMs: number): void {
    if (this.#current.first === undefined) this.#begunMs = nowMs;
    const isLong = nowMs - this.#begunMs >= this.#options.limits.pauseMs;
    if (isLong && this.#stretches.length < STRETCHES_MAX) this.#stretches.push(new PutStretch());
  }

  get #count(): number {
    return this.#stretches.reduce((sum, { cells }) => sum + cells.count, 0);
  }

  #begin(position: Position, receivedAt: number): Departure {
    const stretch = this.#current;
    stretch.depart(position, receivedAt);
    return { landed: (nowMs) => stretch.land(nowMs) };
  }

  /** Whether the oldest that was put is flushed, and what others received until then must be in the topic. */
  #isDue(nowMs: number): boolean {
    if (this.isBlind) return true;
    const [oldest] = this.#stretches;
    return oldest?.first !== undefined && this.#isOver(oldest, nowMs);
  }

  #isOver(stretch: PutStretch, nowMs: number): boolean {
    const { visibleMsMax, clockBoundMs } = this.#options.limits;
    return stretch.landedMs + this.#options.flushSpanMs() + clockBoundMs + visibleMsMax <= nowMs;
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
    const { clock, receiveNow, flushSpanMs, limits, others, events, hasRoom } = this.#options;
    const askedMs = clock.monotonicMs();
    const clocksMs = receiveNow() - askedMs;
    const open = (): OpenStretch[] =>
      this.#stretches.map((stretch) => ({
        stretch,
        isLanded: stretch.landedMs < Infinity,
        contestedUntil: stretch.landedMs + clocksMs + flushSpanMs() + limits.clockBoundMs,
      }));
    const fromMs =
      Math.min(...this.#stretches.map(({ oldestAt }) => oldestAt)) - limits.clockBoundMs;
    for await (const frame of others.read(fromMs, signal)) {
      if (this.isBlind) return;
      this.#othersSeenMs = askedMs;
      if (this.#state.kind === 'alone') {
        this.#share('another proxy writes to the primary, too');
        return;
      }
      for (const { write, stretch } of this.#writes.find(frame, open())) {
        if (stretch.first === undefined) continue;
        events.later(write, stretch.first, stretch.landedMs);
      }
      while (!hasRoom() && !signal.aborted) await clock.sleep(POLL_MS, signal);
    }
    if (signal.aborted || this.isBlind) return;
    this.#release(askedMs);
    if (askedMs - this.#othersSeenMs > limits.aloneMs) this.#enter({ kind: 'alone' });
  }

  /** What was over when the topic was asked is done with. In their order: a later one hides what an earlier one says of a cell. */
  #release(askedMs: number): void {
    for (;;) {
      const [oldest] = this.#stretches;
      if (oldest?.first === undefined || !this.#isOver(oldest, askedMs)) return;
      this.#stretches.shift();
    }
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
    this.#stretches = [];
    this.#enter({ kind: 'shared' });
    this.#options.events.again(reason);
  }

  #goBlind(reason: string): void {
    if (!this.isBlind) {
      this.#wasAlone = this.#state.kind === 'alone';
      const { receiveNow, limits } = this.#options;
      const oldest = this.#stretches.map(({ oldestAt }) => oldestAt);
      this.#blindFromMs =
        Math.min(receiveNow() - limits.visibleMsMax, ...oldest) - limits.clockBoundMs;
    }
    this.#stretches = [];
    this.#enter({ kind: 'blind', reason });
  }

  #enter(state: LookState): void {
    const isSame = JSON.stringify(state) === JSON.stringify(this.#state);
    this.#state = state;
    if (!isSame) this.#options.events.state(state);
  }
}
