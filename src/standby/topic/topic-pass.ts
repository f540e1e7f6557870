import type { Fork } from '../../record/fork.ts';
import { endedBy, forksIn } from '../../record/lane-control.ts';
import type { TopicFrame, TopicRead } from '../../record/topic-read.ts';
import type { Clock } from '../../runtime/clock.ts';
import { ActiveLanes } from './active-lanes.ts';
import { hasData } from '../frame-parts.ts';
import { type Frontier, isEarlier } from '../source/frontier.ts';
import { HeldLanes } from './held-lanes.ts';
import { type LaneBeginning, type LaneMemory, LaneQueue, type LateStart } from './lane-queue.ts';
import type { PassRead } from './pass-read.ts';
import type { Place } from '../place.ts';
import { Patience } from './patience.ts';
import type { SeenLanes } from '../source/seen-lanes.ts';
import type { Strand } from './strand.ts';
import { Strands } from './strands.ts';
import { type KnownEnd, UnfinishedLanes } from './unfinished-lanes.ts';

export interface TopicPassOptions {
  readonly clock: Clock;
  readonly place: Place;
  /** All that was received from then on is read, and more; epoch ms, -Infinity: everything. */
  readonly startMs: number;
  /** What was received before was given. */
  readonly frontier: Frontier;
  readonly strands: readonly Strand[];
  /** What is known of lanes by passes before. */
  readonly lanes: ReadonlyMap<string, LaneMemory>;
  /** Whether lanes may begin anywhere, but where messages went while they were read. */
  readonly isAnyBeginningRight: boolean;
  /** Told of all that is read. */
  readonly seen: SeenLanes;
  readonly onForeign: (read: Extract<TopicRead, { kind: 'foreign' }>) => void;
  /** What is said to be undone, as soon as it is read; it may be told again. */
  readonly onForks: (forks: readonly Fork[]) => void;
}

/** Messages of several lanes are in a partition in the order of their receive times, but for so much. */
const ORDER_MS = 2_000;

const NOT_SENT = 'not in the topic';

/**
 * One reading of a topic from some time on: the lanes' records by receive time, then lane. A record is given once every lane
 * that is waited for, and every partition of which more is there, has come as far. It reads what it needs for that and no more,
 * so that a partition which is ahead waits in its broker.
 */
export class TopicPass {
  readonly #options: TopicPassOptions;
  readonly #lanes = new Map<string, LaneQueue>();
  readonly #active = new ActiveLanes();
  readonly #held: HeldLanes;
  readonly #ends = new Map<string, KnownEnd>();
  readonly #unfinished: UnfinishedLanes;
  readonly #strands: Strands;
  readonly #patience: Patience;
  #frontier: Frontier;

  constructor(options: TopicPassOptions) {
    this.#options = options;
    this.#strands = new Strands(options.strands);
    this.#patience = new Patience(options.lanes);
    this.#frontier = options.frontier;
    this.#held = new HeldLanes(options.clock);
    this.#unfinished = new UnfinishedLanes(options.clock);
    for (const [lane, { late }] of options.lanes) if (late !== undefined) this.#laneOf(lane);
  }

  /** Lanes of which something came, or is held back. */
  get lanes(): Iterable<LaneQueue> {
    return this.#lanes.values();
  }

  get strands(): readonly Strand[] {
    return this.#strands.all;
  }

  get frontier(): Frontier {
    return this.#frontier;
  }

  get queuedRecords(): number {
    return this.#active.queuedRecords;
  }

  /** What is contained, and what was given. */
  get given(): Place {
    const { place } = this.#options;
    const lanes = new Map(place.lanes);
    for (const { lane, place: at } of this.lanes) if (at !== undefined) lanes.set(lane, at);
    const latestMs = this.#frontier.ms === -Infinity ? null : this.#frontier.ms;
    return { ...place, latestMs, lanes };
  }

  /** Receive time of the oldest record that was read and can't be given yet, epoch ms; Infinity when there is none. */
  get waitingSinceMs(): number {
    return Math.min(this.#active.least?.head?.firstReceivedAt ?? Infinity, this.#held.sinceMs);
  }

  /** Everything received up to then was given, unless it comes late; epoch ms. Infinity: nothing is waited for. */
  get completeToMs(): number {
    const { limitMs } = this.#limitOf(undefined);
    return Math.min(limitMs, this.waitingSinceMs - 1);
  }

  addStrand(strand: Strand): void {
    this.#strands.add(strand);
  }

  /** What comes next; undefined when that isn't known yet. The same again, until a record was given or a new pass begun. */
  next(): PassRead | undefined {
    for (;;) {
      const late = this.#caughtUp();
      if (late.length > 0) return { kind: 'late', lanes: late };
      this.#join();
      const unfinished = this.#unfinished.over(this.#strands.all);
      if (unfinished !== undefined) return this.#endOf(unfinished);
      const lane = this.#active.least;
      if (lane?.head === undefined) {
        if (this.#pullAll()) continue;
        this.#silence();
        return undefined;
      }
      const { limitMs, blocker } = this.#limitOf(lane);
      if (lane.head.firstReceivedAt <= limitMs) return this.#give(lane, limitMs);
      if (blocker instanceof LaneQueue) {
        const step = this.#bringOn(blocker);
        if (step !== 'done') return step;
      } else if (blocker === undefined || !this.#pull(blocker)) return undefined;
    }
  }

  #laneOf(name: string): LaneQueue {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new LaneQueue(name, this.#options.place.lanes.get(name));
    this.#lanes.set(name, lane);
    const late = this.#options.lanes.get(name)?.late;
    if (late !== undefined) this.#hold(lane, late);
    return lane;
  }

  /** Up to which receive time a lane's records may be given, and what forbids more. */
  #limitOf(given: LaneQueue | undefined): {
    readonly limitMs: number;
    readonly blocker: LaneQueue | Strand | undefined;
  } {
    let { limitMs, blocker }: { limitMs: number; blocker: LaneQueue | Strand | undefined } =
      this.#active.limitFor(given, (lane) => this.#isAwaited(lane));
    for (const strand of this.#strands.all) {
      const ms = strand.reachedMs - ORDER_MS;
      if (!strand.isAtEnd && ms < limitMs) [limitMs, blocker] = [ms, strand];
    }
    return { limitMs, blocker };
  }

  /** Whether something may come of it that was received earlier than what others have. */
  #isAwaited(lane: LaneQueue): boolean {
    if (lane.isSilent || lane.late !== undefined || lane.reachedMs < this.#frontier.ms)
      return false;
    return !this.#hasEnded(lane);
  }

  #hasEnded(lane: LaneQueue): boolean {
    const end = this.#ends.get(lane.lane);
    const lastSeq = lane.late === undefined ? lane.readSeq : lane.seenSeq;
    return end !== undefined && lastSeq >= end.lastSeq;
  }

  /** Reads on for a lane that is waited for, or waits for it no longer. Undefined when there is nothing to read yet. */
  #bringOn(lane: LaneQueue): 'done' | PassRead | undefined {
    const { strand } = lane;
    if (strand !== undefined && !this.#hasFallenSilent(lane, strand)) {
      return this.#pull(strand) ? 'done' : undefined;
    }
    lane.isSilent = true;
    const end = this.#ends.get(lane.lane);
    const next = end && this.#lanes.get(end.next);
    if (end === undefined || next === undefined || next.readSeq <= end.nextSeq) return 'done';
    return this.#missing(lane, end.lastSeq);
  }

  /** Where nobody waits for anything, it is still told how far all is complete. */
  #silence(): void {
    for (const lane of this.#active) {
      if (lane.strand !== undefined && this.#patience.isQuiet(lane, lane.strand))
        lane.isSilent = true;
    }
  }

  #hasFallenSilent(lane: LaneQueue, strand: Strand): boolean {
    return this.#patience.isOver(lane, strand) || (this.#active.isFull && !strand.isAtEnd);
  }

  #give(lane: LaneQueue, limitMs: number): PassRead | undefined {
    if (!lane.isEntered && lane.head !== undefined) lane.enter(lane.head, this.#beginningOf(lane));
    const { missingTo } = lane;
    if (missingTo !== undefined) return this.#missing(lane, missingTo);
    const frame = lane.give(limitMs);
    if (frame === undefined) return undefined;
    const last = { ms: frame.lastReceivedAt, lane: lane.lane };
    if (isEarlier(this.#frontier, last)) this.#frontier = last;
    return { kind: 'frame', frame };
  }

  /** All messages as new as the last record before it, and newer, are read before it is believed. */
  #missing(lane: LaneQueue, to: number): PassRead {
    const { lane: name, seq, knownMs, isCut } = lane;
    if (this.#options.startMs > knownMs) return { kind: 'rewind', startMs: knownMs };
    return isCut ? { kind: 'lost', lane: name, seq, atMs: knownMs } : this.#pass(lane, to);
  }

  /** Where nothing of a lane was seen, any partition may have had its end. */
  #endOf({ lane, end }: { readonly lane: LaneQueue; readonly end: KnownEnd }): PassRead {
    lane.isCut ||= lane.strand === undefined && this.#strands.all.some(({ isCut }) => isCut);
    return this.#missing(lane, end.lastSeq);
  }

  #pass(lane: LaneQueue, to: number): PassRead {
    const hole = { lane: lane.lane, from: lane.seq + 1, to, reason: NOT_SENT };
    lane.pass(to);
    return { kind: 'hole', ordinal: lane.ordinal, hole };
  }

  #hold(lane: LaneQueue, late: LateStart): void {
    lane.hold(late);
    this.#held.add(lane, this.#frontier);
  }

  /** Reads on for those that are held back. */
  #caughtUp(): LaneQueue[] {
    return this.#held.lanes.filter((lane) => {
      const { strand } = lane;
      if (strand === undefined) return this.#strands.all.every(({ isAtEnd }) => isAtEnd);
      while (
        !this.#held.isNear(lane, this.#frontier) &&
        !this.#active.isCrowded &&
        this.#pull(strand)
      );
      const isOver =
        this.#held.isNear(lane, this.#frontier) || this.#active.isCrowded || this.#hasEnded(lane);
      return (
        isOver ||
        this.#patience.isQuiet(lane, strand) ||
        !this.#held.comesNearer(lane, this.#frontier)
      );
    });
  }

  /** Those that are no longer apart are read with the others again. */
  #join(): void {
    for (const { own, shared } of this.#strands.join()) {
      for (const lane of this.#lanes.values()) if (lane.strand === own) lane.strand = shared;
    }
  }

  #pullAll(): boolean {
    let isAny = false;
    for (const strand of this.#strands.all) if (this.#pull(strand)) isAny = true;
    return isAny;
  }

  #pull(strand: Strand): boolean {
    const read = strand.reads.poll();
    if (read === undefined) return false;
    if (read.kind === 'frame') this.#take(strand, read.frame);
    else if (read.kind === 'foreign') this.#options.onForeign(read);
    // Otherwise it is another topic, which is given all that the first one had.
    else if (read.to > read.from) this.#cut(strand);
    return true;
  }

  /** Messages that were to be read are gone. */
  #cut(strand: Strand): void {
    strand.noteLost();
    for (const lane of this.#lanes.values()) if (lane.strand === strand) lane.isCut = true;
  }

  #take(strand: Strand, frame: TopicFrame): void {
    strand.note(frame);
    this.#options.seen.note(frame);
    const forks = forksIn(frame);
    if (forks.length > 0) this.#options.onForks(forks);
    if (!this.#strands.isFor(strand, frame)) return;
    const lane = this.#laneOf(frame.lane);
    if (lane.strand === undefined) lane.isCut = strand.isCut;
    lane.see(frame, strand, this.#options.clock.monotonicMs());
    this.#active.add(lane);
    for (const { lane: ended, lastSeq } of endedBy(frame)) {
      const end = { lastSeq, next: frame.lane, nextSeq: frame.lastSeq };
      this.#ends.set(ended, end);
      if (ended !== frame.lane) this.#lookForEnd(ended, end);
    }
    this.#unfinished.see(frame);
    if (!lane.isEntered) this.#enter(lane, strand, frame);
    const wanted = lane.lacking(frame);
    const isGapless = lane.missingTo === undefined;
    if (isGapless && (wanted?.firstSeq ?? 0) <= lane.readSeq + 1) lane.isCut = false;
    if (wanted === undefined || lane.late !== undefined) return;
    const first = { ms: wanted.firstReceivedAt, lane: frame.lane };
    if (!isEarlier(first, this.#frontier) || !hasData(wanted)) return lane.add(wanted);
    const { partition, offset } = frame;
    this.#hold(lane, { sinceMs: wanted.firstReceivedAt, partition, offset });
  }

  /** Of a lane that the place doesn't know, and of which nothing was seen, it isn't known what is contained of it. */
  #lookForEnd(name: string, end: KnownEnd): void {
    const isPlaced = (this.#options.place.lanes.get(name)?.seq ?? 0) > 0;
    const lane = this.#lanes.get(name) ?? (isPlaced ? this.#laneOf(name) : undefined);
    if (lane?.isEntered !== true) return;
    if (lane.seq < end.lastSeq) this.#unfinished.add(lane, end);
  }

  /** What is read apart may come first, though it is after what the others' reading has of the lane. */
  #enter(lane: LaneQueue, strand: Strand, frame: TopicFrame): void {
    const beginning = this.#beginningOf(lane);
    const isFirst = strand.lane === undefined || frame.firstReceivedAt <= beginning.sinceMs;
    if (isFirst) lane.enter(frame, beginning);
  }

  #beginningOf({ lane, strand }: LaneQueue): LaneBeginning {
    const { place, lanes, isAnyBeginningRight } = this.#options;
    const isAnyRight = isAnyBeginningRight && strand?.hasLost !== true;
    const at = place.lanes.get(lane);
    const sinceMs = at === undefined ? (place.sinceMs ?? -Infinity) : at.receivedAt - 1;
    return { sinceMs, highSeq: lanes.get(lane)?.highSeq ?? 0, isAnyRight };
  }
}
