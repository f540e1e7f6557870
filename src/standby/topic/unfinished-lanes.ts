import type { TopicFrame } from '../../record/topic-read.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LaneQueue } from './lane-queue.ts';
import { SILENT_MS } from './patience.ts';
import type { Strand } from './strand.ts';

/** The end of a lane, and who tells of it. */
export interface KnownEnd {
  readonly lastSeq: number;
  readonly next: string;
  /** The last record of the message that tells it: what comes after that was sent after all of the lane. */
  readonly nextSeq: number;
}

/** What was sent after all of a lane was read. */
interface SentAfter {
  readonly sentMs: number;
  readonly readMs: number;
}

/**
 * Lanes that are known to have ended with more than is contained. Nothing may come of them any more, as when the topic was made
 * anew or retention took it: then nobody waits for them, and only who tells of their end shows that something is missing.
 */
export class UnfinishedLanes {
  readonly #clock: Clock;
  readonly #lanes = new Map<LaneQueue, { readonly end: KnownEnd; after: SentAfter | undefined }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(lane: LaneQueue, end: KnownEnd): void {
    this.#lanes.set(lane, { end, after: undefined });
  }

  see({ lane, lastSeq, sentAt, lastReceivedAt }: TopicFrame): void {
    for (const [unfinished, one] of this.#lanes) {
      if (unfinished.seq >= one.end.lastSeq) this.#lanes.delete(unfinished);
      if (one.end.next !== lane || lastSeq <= one.end.nextSeq) continue;
      one.after ??= { sentMs: sentAt ?? lastReceivedAt, readMs: this.#clock.monotonicMs() };
    }
  }

  /** One of which all was read that there is, and the end that it should have. */
  over(
    strands: readonly Strand[],
  ): { readonly lane: LaneQueue; readonly end: KnownEnd } | undefined {
    for (const [lane, { end, after }] of this.#lanes) {
      if (lane.readSeq >= end.lastSeq || lane.head !== undefined || lane.late !== undefined)
        continue;
      if (after !== undefined && strands.every((strand) => isReadTo(strand, after, lane))) {
        return { lane, end };
      }
    }
    return undefined;
  }
}

/** A partition may be far ahead by another lane's clock: that which has the lane is read to its end. */
function isReadTo(strand: Strand, { sentMs, readMs }: SentAfter, lane: LaneQueue): boolean {
  const { isAtEnd, reads, reachedMs } = strand;
  if (isAtEnd && (reads.emptyAtMs ?? -Infinity) >= readMs) return true;
  return strand !== lane.strand && reachedMs >= sentMs + SILENT_MS;
}
