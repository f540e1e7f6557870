import { type Fork, Undone } from '../../record/fork.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type LogRead, offsetOf } from '../../wal/log-reader.ts';
import { type Arrival, ArrivalIndex } from './arrival-index.ts';
import { hasData } from '../frame-parts.ts';
import type { Gate } from './gate.ts';
import { ReadAhead, type ReadAheadEvents } from './read-ahead.ts';
import type { Place } from '../place.ts';
import { isPassing } from './forked.ts';
import { ForkWatch } from './fork-watch.ts';
import { Nudge } from '../../runtime/nudge.ts';
import { Passage } from './passage.ts';
import { RecentArrivals } from './recent-arrivals.ts';
import { originalIndex, Refusals } from './refusals.ts';
import type { StandbySource } from '../source/standby-source.ts';

export interface ArrivalsOptions {
  /** It gives what `place` lacks. */
  readonly source: StandbySource;
  readonly clock: Clock;
  readonly gate: Gate;
  /** What the target contains. */
  readonly place: Place;
  /** Nothing that was received later was ever sent to the target, epoch ms. */
  readonly sentToMs: number;
  /** What is known to be undone: the target has none of it. */
  readonly forks: readonly Fork[];
  readonly limits?: ArrivalsLimits;
  readonly events: ArrivalsEvents;
}

interface ArrivalsEvents extends ReadAheadEvents {
  /** What was received up to then, epoch ms, may be sent once this resolves. */
  sending(toMs: number): Promise<void>;
  /** The log says that this is undone, and the target has none of it: it is left out. */
  forked(fork: Fork): void;
  /** More may be read. */
  released(): void;
  /** The source was looked at, to its end, before anything more passes. What this throws ends all. */
  looked(): void;
  /** The source can't be read; undefined: it can again. */
  trouble(reason: string | undefined): void;
}

/** Where a point stands in the log. */
export interface LogPlace {
  readonly lane: string;
  readonly ordinal: number;
  readonly seq: number;
  readonly index: number;
}

interface ArrivalsLimits {
  /** Read and not passed on yet. */
  readonly aheadBytesMax: number;
  /** Kept after it was passed on, as the target may fail to take it. */
  readonly recentBytesMax: number;
  /** Not confirmed yet. */
  readonly arrivalsMax: number;
}

const LIMITS: ArrivalsLimits = {
  aheadBytesMax: 8 * 1024 * 1024,
  recentBytesMax: 16 * 1024 * 1024,
  arrivalsMax: 1_000_000,
};
const POLL_MS = 100;
/** Where no write came for so long, and none is held back, it is looked less often. */
const IDLE_AFTER_MS = 10_000;
const IDLE_POLL_MS = 500;
const TROUBLE_MS = 1_000;

/**
 * The stream of all lanes as a log that a target can be fed from: it reads ahead from the source, lets pass what the gate does,
 * leaves out what the primary is known to have refused, and goes back to what the target must get again.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #limits: ArrivalsLimits;
  readonly #index: ArrivalIndex;
  readonly #refusals: Refusals;
  readonly #forks: ForkWatch;
  readonly #readAhead: ReadAhead;
  readonly #passage: Passage;
  /** Everything up to here was passed on. */
  #passed: Position;
  readonly #recent: RecentArrivals;
  #isFull = false;
  readonly #nudge = new Nudge();
  /** When a write was last taken in, monotonic. */
  #wroteMs: number;

  constructor(options: ArrivalsOptions) {
    const { place, forks, events, clock } = options;
    this.#options = options;
    this.#wroteMs = clock.monotonicMs();
    this.#limits = options.limits ?? LIMITS;
    this.#recent = new RecentArrivals(this.#limits.recentBytesMax);
    const undone = new Undone(forks);
    this.#refusals = new Refusals(undone);
    this.#forks = new ForkWatch({
      ...options,
      undone,
      sentToMs: () => this.#passage.sentToMs,
      onForked: (fork) => this.#onForked(fork),
    });
    this.#index = new ArrivalIndex(place);
    this.#passage = new Passage({
      ...options,
      index: this.#index,
      forks: this.#forks,
      sending: (toMs) => events.sending(toMs),
      onReleased: () => events.released(),
    });
    this.#passed = this.#index.end;
    this.#readAhead = new ReadAhead({
      ...options,
      keptToMs: options.gate.endMs,
      index: this.#index,
      refusals: this.#refusals,
      forks: this.#forks,
      released: () => this.#passage.released,
      events: {
        ...events,
        taken: (frame) => {
          if (hasData(frame)) this.#wroteMs = clock.monotonicMs();
          events.taken(frame);
        },
      },
    });
  }

  /** The last record that may be read. */
  get end(): Position {
    return this.#passage.released;
  }

  /** What is contained once all that may be read is. */
  get passing(): Place {
    return this.#index.placeAt(this.#passage.released);
  }

  /** Nothing that was received later was ever sent to the target, nor is let pass; epoch ms. */
  get sentToMs(): number {
    return this.#passage.sentToMs;
  }

  /** The same of the next moments, whatever the gate is told now; epoch ms. */
  get sentSoonMs(): number {
    return this.#passage.sentSoonMs;
  }

  /** Whether nothing more will pass the gate: all that is to come was received after the time to stop at. */
  get isOver(): boolean {
    const { stopAtMs } = this.#options.gate;
    return stopAtMs !== Infinity && this.isOverAt(stopAtMs);
  }

  /** Whether all that was received up to then has passed the gate; epoch ms. */
  isOverAt(ms: number): boolean {
    return this.#readAhead.isWholeTo(ms) && this.#passage.isOverAt(ms);
  }

  /** Whether all of the source was looked at, to its end of a moment ago. */
  get isLooked(): boolean {
    return this.#forks.isFresh;
  }

  /** How far `position` is behind what is known to be there: records, and when the oldest of them was received, epoch ms. */
  behind(position: Position): { readonly records: number; readonly sinceMs: number | undefined } {
    const { unread } = this.#options.source;
    const records = this.#index.recordsAfter(position) + unread;
    return { records, sinceMs: this.#index.after(position)?.firstReceivedAt };
  }

  /** Which line of which record of the log it is. */
  recordAt(position: Position, index: number): LogPlace {
    const { lane, ordinal, seq, left } = this.#index.recordAt(position);
    return { lane, ordinal, seq, index: originalIndex(left?.get(seq), index) };
  }

  /** Whether the primary is known to have refused it. */
  isRefused({ lane, seq, index }: LogPlace): boolean {
    return this.#refusals.has(lane, seq, index);
  }

  /** What is contained once everything up to `position` is; nothing before that needs to be known any more. */
  confirm(position: Position): Place {
    // Once it is folded it can't be counted any more.
    this.#pass(position);
    const place = this.#index.fold(position);
    for (const [lane, { seq }] of place.lanes) this.#refusals.forget(lane, seq);
    return place;
  }

  /** Reads ahead until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, events } = this.#options;
    const wake = (): void => this.#nudge.give();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      let waitMs = this.#pollMs;
      try {
        await this.#fill(signal);
        events.trouble(undefined);
      } catch (error) {
        if (!isPassing(error)) {
          await source.close();
          throw error;
        }
        events.trouble((error as Error).message);
        waitMs = TROUBLE_MS;
      }
      this.release();
      await this.#nudge.within(waitMs, this.#options.clock);
    }
    signal.removeEventListener('abort', wake);
    await source.close();
  }

  get #pollMs(): number {
    const { clock, gate } = this.#options;
    const isIdle = clock.monotonicMs() - this.#wroteMs >= IDLE_AFTER_MS + gate.delayMs;
    return isIdle && !gate.isEnding ? IDLE_POLL_MS : POLL_MS;
  }

  /** Lets pass what the gate lets pass now. */
  release(): void {
    this.#passage.release();
  }

  /** What follows `after` and may be read, for the delivery; the same numbers are the same records, always. */
  async next(after: Position | undefined): Promise<LogRead | undefined> {
    const { released } = this.#passage;
    const position = after ?? released;
    this.#pass(position);
    if (comparePositions(position, released) >= 0) return undefined;
    const arrival = this.#index.after(position);
    if (arrival === undefined) return undefined;
    const { epoch: ordinal, first: firstSeq, last, hole } = arrival;
    const { lane } = position;
    if (hole !== undefined) return { kind: 'hole', hole, to: { lane, ordinal, seq: last } };
    const frame = this.#frameOf(arrival);
    if (frame === undefined) {
      this.#goBack(position);
      return undefined;
    }
    const isWhole = ordinal < released.ordinal || last <= released.seq;
    const lastSeq = isWhole ? last : released.seq;
    const read = { kind: 'frame', lane, ordinal, firstSeq, lastSeq, body: frame.body } as const;
    if (isWhole) return read;
    return { ...read, body: frame.body.subarray(0, offsetOf(read, lastSeq + 1)) };
  }

  /** Nothing can be had without a copy. */
  peek(): undefined {
    return undefined;
  }

  /** Without what is known to be refused when it is first asked for. */
  #frameOf(arrival: Arrival): LaneFrame | undefined {
    const { frame } = arrival;
    if (frame === undefined || arrival.left !== undefined) return frame;
    const { body, left } = this.#refusals.without(frame);
    arrival.left = left;
    arrival.frame = { ...frame, body };
    return arrival.frame;
  }

  async #fill(signal: AbortSignal): Promise<void> {
    const readAhead = this.#readAhead;
    for (;;) {
      const { aheadBytesMax, arrivalsMax } = this.#limits;
      readAhead.keepTo(this.#options.gate.endMs);
      this.#isFull = readAhead.bytes >= aheadBytesMax || this.#index.size >= arrivalsMax;
      if (signal.aborted) return;
      if (this.#isFull || !(await readAhead.read(signal))) return this.#look(signal);
      // What is said later of what is here should be known before it passes.
      if (readAhead.bytes >= aheadBytesMax / 2 || readAhead.isShort) {
        await this.#look(signal);
        this.release();
      }
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    await this.#forks.look(signal);
    this.#options.events.looked();
  }

  /** A frame of which a part has passed was looked at before. Nothing of that part is undone: so whoever reads it finds it where it was. */
  #onForked(fork: Fork): void {
    const begun = this.#index.after(this.#passage.released);
    if (begun?.frame !== undefined) begun.frame = this.#refusals.withoutUndone(begun.frame);
    this.#options.events.forked(fork);
  }

  /** Everything up to the position was passed on: its memory may go when there is more of that. */
  #pass(position: Position): void {
    while (comparePositions(this.#passed, position) < 0) {
      const arrival = this.#index.after(this.#passed);
      const end = arrival && { ...position, ordinal: arrival.epoch, seq: arrival.last };
      if (arrival === undefined || end === undefined || comparePositions(end, position) > 0) break;
      this.#passed = end;
      this.#readAhead.bytes -= arrival.bytes;
      this.#recent.add(arrival);
    }
    this.#recent.trim();
    if (this.#isFull) this.#nudge.give();
  }

  /** What follows the position is no longer in memory: it is read again. */
  #goBack(position: Position): void {
    this.#readAhead.goBack(this.#index.goBack(position));
    this.#passage.goBack(position);
    this.#passed = position;
    this.#readAhead.bytes = 0;
    this.#recent.clear();
    this.#nudge.give();
  }
}
