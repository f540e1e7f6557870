import type { Hole } from '../../record/control.ts';
import { forksIn } from '../../record/lane-control.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ArrivalIndex } from './arrival-index.ts';
import type { ForkWatch } from './fork-watch.ts';
import { splitAtMs } from '../frame-parts.ts';
import { lacking, type LanePlace, type Place } from '../place.ts';
import type { Refusals } from './refusals.ts';
import type { SourceRead, StandbySource } from '../source/standby-source.ts';

export interface ReadAheadOptions {
  /** It gives what `place` lacks. */
  readonly source: StandbySource;
  readonly clock: Pick<Clock, 'now'>;
  readonly place: Place;
  /** What was received later is not kept, epoch ms. */
  readonly keptToMs: number;
  /** What is kept is added to it. */
  readonly index: ArrivalIndex;
  readonly refusals: Refusals;
  readonly forks: ForkWatch;
  /** The last arrival that was let pass: what is after it may be dropped. */
  readonly released: () => Position;
  readonly events: ReadAheadEvents;
}

export interface ReadAheadEvents {
  /** What was applied is applied again, with what came late. `missing`: of holes that were told only what touches these is one still; undefined: nothing is known of that. */
  again(reason: string, missing: readonly Hole[] | undefined): void;
  /** These records will never come; they were read before something that came late, and may not pass themselves. */
  missing(hole: Hole): void;
  /** The frame was taken in, for the first time or again. */
  taken(frame: LaneFrame): void;
}

/**
 * Reads what a source gives, ahead of what may pass, and keeps each record once. When something came late, what is here and has not passed
 * is dropped as far as it is given again after that. What was received after a time at which all ends isn't kept: so that all that is
 * there can be read, as what comes late may be after it.
 */
export class ReadAhead {
  readonly #options: ReadAheadOptions;
  /** What was taken in: that coming again is dropped. */
  #tip: Tip;
  #keptToMs: number;
  /** The source had given everything received up to then, epoch ms, when all that it had given was taken in. */
  #completeToMs = -Infinity;
  /** Lanes of which something was not kept. */
  readonly #leftOut = new Set<string>();
  /** The source is to go back to what this lacks. */
  #seekTo: Place | undefined;
  /** Of what is here and was not passed on yet. */
  bytes = 0;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    this.#tip = tipOf(options.place);
    this.#keptToMs = options.keptToMs;
  }

  /** Whether something was not kept. */
  get isShort(): boolean {
    return this.#leftOut.size > 0;
  }

  /** Whether all that was received up to then is here, epoch ms: not before it is known that no more is kept than up to some time. */
  isWholeTo(ms: number): boolean {
    return this.#seekTo === undefined && this.#keptToMs >= ms && this.#completeToMs > ms;
  }

  /** Reads what comes next; false when there is nothing. Rejects as the source does. */
  async read(signal: AbortSignal): Promise<boolean> {
    const { source, clock } = this.#options;
    const place = this.#seekTo;
    if (place !== undefined) {
      await source.seek(place);
      if (this.#seekTo === place) this.#seekTo = undefined;
      return true;
    }
    const read = await source.next();
    // What the source gave belongs to where it was.
    if (this.#seekTo !== undefined) return true;
    if (read !== undefined) await this.#take(read, signal);
    // What is asked of the source while a read is under way would count what isn't here yet.
    const isAsked = this.#seekTo === undefined && this.#keptToMs !== Infinity;
    if (isAsked) this.#completeToMs = source.completeToMs(clock.now());
    return read !== undefined;
  }

  /** What the place lacks comes next. */
  goBack(place: Place): void {
    this.#seekTo = place;
    this.#begin(place);
  }

  /** From here on what was received up to then is kept: what is here of later is dropped, and what was not kept is read again. */
  keepTo(ms: number): void {
    if (ms === this.#keptToMs) return;
    const { index, released } = this.#options;
    this.#keptToMs = ms;
    const keptSeqOf = (frame: LaneFrame): number => splitAtMs(frame, ms).before?.lastSeq ?? 0;
    const { bytes } = index.cut(released(), keptSeqOf);
    this.bytes -= bytes;
    if (bytes > 0 || this.isShort) this.goBack(index.placeAt(index.end));
  }

  async #take(read: SourceRead, signal: AbortSignal): Promise<void> {
    const { index, refusals, forks, events } = this.#options;
    switch (read.kind) {
      case 'fork':
        await forks.meet(read.fork, signal);
        return;
      case 'frame': {
        for (const fork of forksIn(read.frame)) await forks.meet(fork, signal);
        // It belongs to where the source was: it comes again.
        if (this.#seekTo !== undefined) return;
        const lacked = lacking(read.frame, this.#tip);
        if (lacked === undefined) return;
        refusals.note(lacked);
        const { before: frame, rest } = splitAtMs(lacked, this.#keptToMs);
        if (rest !== undefined) this.#leftOut.add(rest.lane);
        if (frame === undefined) return;
        const { lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = frame;
        this.bytes += index.add(frame).bytes;
        this.#tip.lanes.set(lane, { ordinal, seq, receivedAt });
        events.taken(frame);
        return;
      }
      case 'hole': {
        const { hole, ordinal } = read;
        // It is after what was not kept.
        if (this.#leftOut.has(hole.lane)) return;
        const { lastReceivedAt: receivedAt } = index.addHole(hole, ordinal);
        this.#tip.lanes.set(hole.lane, { ordinal, seq: hole.to, receivedAt });
        return;
      }
      case 'again':
        this.#again(read);
    }
  }

  #again({ place, reason, missing }: Extract<SourceRead, { kind: 'again' }>): void {
    const { index, released, events } = this.#options;
    // Then only what isn't kept comes again.
    if ((place.latestMs ?? -Infinity) > this.#keptToMs) return;
    const keptSeqOf = (frame: LaneFrame): number =>
      (lacking(frame, place)?.firstSeq ?? Infinity) - 1;
    const { bytes, holes } = index.cut(released(), keptSeqOf);
    this.bytes -= bytes;
    index.begin(place);
    this.#begin(place);
    for (const hole of holes) events.missing(hole);
    events.again(reason, missing);
  }

  #begin(place: Place): void {
    this.#tip = tipOf(place);
    this.#completeToMs = -Infinity;
    this.#leftOut.clear();
  }
}

interface Tip {
  readonly sinceMs: number | null;
  readonly lanes: Map<string, LanePlace>;
}

function tipOf({ sinceMs, lanes }: Place): Tip {
  return { sinceMs, lanes: new Map(lanes) };
}
