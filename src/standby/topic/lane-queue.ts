import type { LaneFrame } from '../../record/lane-frame.ts';
import { splitAtMs, splitAtSeq } from '../frame-parts.ts';
import type { LanePlace } from '../place.ts';
import type { Strand } from './strand.ts';

/** Where what came too late of a lane begins. */
export interface LateStart {
  /** Receive time, epoch ms. */
  readonly sinceMs: number;
  readonly partition: number;
  readonly offset: number;
}

/** What is known of a lane by earlier readings. */
export interface LaneMemory {
  /** All up to there was given at some time. */
  readonly highSeq: number;
  /** It is still held back. */
  readonly late: LateStart | undefined;
  /** It came late before: it is waited for longer. */
  readonly wasLate: boolean;
}

/** What may be before the first frame that is seen of a lane. */
export interface LaneBeginning {
  /** What was received up to then is contained, epoch ms; -Infinity: nothing. */
  readonly sinceMs: number;
  /** All up to there was given at some time. */
  readonly highSeq: number;
  /** Whatever is missing before it was not asked for. */
  readonly isAnyRight: boolean;
}

/** What was read of one lane and not given yet, and how far the lane is known. */
export class LaneQueue {
  readonly lane: string;
  ordinal = 0;
  /** Where it was read last. */
  strand: Strand | undefined;
  /** What is missing next of it was there once. */
  isCut = false;
  /** Nobody waits for it until something comes. */
  isSilent = true;
  /** What comes is left out until all of it can be given in its order. */
  late: LateStart | undefined;
  #place: LanePlace | undefined;
  #seq = 0;
  /** What is before `#seq` was received by then. */
  #knownMs = -Infinity;
  #isEntered: boolean;
  /** What was received up to then is contained, epoch ms; -Infinity once that is told by sequences. */
  #sinceMs = -Infinity;
  #reachedMs = -Infinity;
  #cameMs = 0;
  #seenSeq = 0;
  #frames: LaneFrame[] = [];
  #records = 0;
  #bytes = 0;

  constructor(lane: string, place: LanePlace | undefined) {
    this.lane = lane;
    this.#place = place;
    this.#isEntered = place !== undefined && place.seq > 0;
    this.#knownMs = place?.receivedAt ?? -Infinity;
    if (place === undefined) return;
    this.ordinal = place.ordinal;
    this.#seq = place.seq;
  }

  /** The latest receive time that came, epoch ms. */
  get reachedMs(): number {
    return this.#reachedMs;
  }

  /** When something came last, monotonic ms. */
  get cameMs(): number {
    return this.#cameMs;
  }

  /** What is contained or was given; undefined while that is nothing. */
  get place(): LanePlace | undefined {
    return this.#place;
  }

  /** All up to here was given, or is contained. */
  get seq(): number {
    return this.#seq;
  }

  /** The last record that came. */
  get readSeq(): number {
    return this.#frames.at(-1)?.lastSeq ?? this.#seq;
  }

  /** What is lacking was received no earlier than this, epoch ms. */
  get knownMs(): number {
    return this.#knownMs;
  }

  /** The last record that was seen, also of what is left out. */
  get seenSeq(): number {
    return this.#seenSeq;
  }

  get head(): LaneFrame | undefined {
    return this.#frames[0];
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The last record that is missing before the head. */
  get missingTo(): number | undefined {
    const { head } = this;
    return head !== undefined && head.firstSeq > this.#seq + 1 ? head.firstSeq - 1 : undefined;
  }

  /** Notes that something came. */
  see(frame: LaneFrame, strand: Strand, nowMs: number): void {
    this.strand = strand;
    this.isSilent = false;
    this.ordinal = frame.ordinal;
    this.#cameMs = nowMs;
    this.#seenSeq = Math.max(this.#seenSeq, frame.lastSeq);
    this.#reachedMs = Math.max(this.#reachedMs, frame.lastReceivedAt);
  }

  /** Whether it is known where it goes on. */
  get isEntered(): boolean {
    return this.#isEntered;
  }

  /** The records of the frame that are neither contained nor given. */
  lacking(frame: LaneFrame): LaneFrame | undefined {
    if (this.#sinceMs !== -Infinity) this.#passContained(frame);
    return splitAtSeq(frame, this.#seq).rest;
  }

  /** Keeps the order of sequences, and each record once. */
  add(frame: LaneFrame): void {
    const last = this.#frames.at(-1);
    if (last === undefined || frame.firstSeq > last.lastSeq) {
      this.#frames.push(frame);
      this.#records += recordsOf(frame);
      this.#bytes += frame.body.length;
    } else if (frame.lastSeq > last.lastSeq || this.#hasGaps) {
      this.#become(weave(this.#frames, frame));
    }
  }

  /** The records of the head that were received up to then. */
  give(throughMs: number): LaneFrame | undefined {
    const { head } = this;
    if (head === undefined) return undefined;
    const { before, rest } = splitAtMs(head, throughMs);
    if (before === undefined) return undefined;
    if (rest === undefined) this.#frames.shift();
    else this.#frames[0] = rest;
    this.#records -= recordsOf(before);
    this.#bytes -= before.body.length;
    const { ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = before;
    this.#stand({ ordinal, seq, receivedAt });
    return before;
  }

  /** What is missing up to there will not come. */
  pass(seq: number): void {
    const receivedAt = this.head?.firstReceivedAt ?? Math.max(this.reachedMs, this.knownMs);
    this.#stand({ ordinal: this.ordinal, seq, receivedAt });
  }

  hold(late: LateStart): void {
    this.late = late;
    this.#become([]);
  }

  #stand(place: LanePlace): void {
    this.#place = place;
    this.#seq = place.seq;
    this.#knownMs = place.receivedAt;
  }

  /** It goes on with this frame, or after it. */
  enter({ firstSeq }: LaneFrame, { sinceMs, highSeq, isAnyRight }: LaneBeginning): void {
    this.#isEntered = true;
    this.#sinceMs = sinceMs;
    this.#seq = isAnyRight ? firstSeq - 1 : Math.min(highSeq, firstSeq - 1);
    this.#knownMs = sinceMs;
  }

  #passContained(frame: LaneFrame): void {
    const { before, rest } = splitAtMs(frame, this.#sinceMs);
    if (rest !== undefined) this.#sinceMs = -Infinity;
    if (before === undefined || before.lastSeq <= this.#seq) return;
    const { ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = before;
    this.#stand({ ordinal, seq, receivedAt });
  }

  get #hasGaps(): boolean {
    return this.readSeq - this.#seq > this.#records;
  }

  #become(frames: LaneFrame[]): void {
    this.#frames = frames;
    this.#records = frames.reduce((sum, frame) => sum + recordsOf(frame), 0);
    this.#bytes = frames.reduce((sum, { body }) => sum + body.length, 0);
  }
}

function recordsOf({ firstSeq, lastSeq }: LaneFrame): number {
  return lastSeq - firstSeq + 1;
}

/** The frames, and what they lack of another one. */
function weave(frames: readonly LaneFrame[], more: LaneFrame): LaneFrame[] {
  const woven: LaneFrame[] = [];
  let rest: LaneFrame | undefined = more;
  for (const frame of frames) {
    if (rest !== undefined) {
      const parts = splitAtSeq(rest, frame.firstSeq - 1);
      if (parts.before !== undefined) woven.push(parts.before);
      rest = parts.rest && splitAtSeq(parts.rest, frame.lastSeq).rest;
    }
    woven.push(frame);
  }
  if (rest !== undefined) woven.push(rest);
  return woven;
}
