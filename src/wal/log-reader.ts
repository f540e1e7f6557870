import type { Hole } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { RingFrame } from './frame-ring.ts';
import type { Segment } from './log-files.ts';
import { type SegmentRead, SegmentReader } from './segment-reader.ts';

/** A durable frame that holds the record after the asked position, perhaps with others before it; `body` is valid until the next call. */
export interface LogFrame {
  readonly kind: 'frame';
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly body: Buffer;
}

/** Records that can't be read: go on from `to`. */
export interface HoleRead {
  readonly kind: 'hole';
  readonly hole: Hole;
  readonly to: Position;
}

export type LogRead = LogFrame | HoleRead;

/** The last record of a read, or of the hole that was met: reading goes on after it. */
export function endOf(read: LogRead): Position {
  if (read.kind === 'hole') return read.to;
  return { lane: read.lane, ordinal: read.ordinal, seq: read.lastSeq };
}

/** Records in an order that stays, as a log has them. */
export interface ReadableLog {
  /** What follows `after`; undefined when nothing does yet. */
  next(after: Position | undefined): Promise<LogRead | undefined>;
  /** The same if it can be had at once: `body` must be used up before anything else runs. */
  peek(after: Position): LogFrame | undefined;
}

export interface FrameRead extends LogFrame {
  /** Points and other changes in it. */
  readonly mutations: number;
}

/** A log that can be read: one that this process writes (Wal), or that another does (PublishedLog). */
export interface DurableLog {
  /** In log order. */
  readonly segments: readonly Segment[];
  /** The last durable record. */
  readonly durable: Position;
  /** The durable frame in memory that holds the record after `position`, if it is there. */
  frameAfter(position: Position): RingFrame | undefined;
}

/**
 * Reads the durable log in order, for one follower: from memory when it keeps up, else from the files.
 * It never yields a record that isn't durable, and never passes one over without a hole.
 */
export class LogReader implements ReadableLog {
  readonly #log: DurableLog;
  #reader: SegmentReader | undefined;
  #segment: Segment | undefined;

  constructor(log: DurableLog) {
    this.#log = log;
  }

  /** What follows `after`; undefined when nothing durable does yet. `after` undefined: from the oldest record there is. */
  async next(after: Position | undefined): Promise<FrameRead | HoleRead | undefined> {
    let position = after ?? this.#oldest();
    for (;;) {
      if (position === undefined || comparePositions(position, this.#log.durable) >= 0) {
        return undefined;
      }
      const recent = this.peek(position);
      // Copied: by the time the caller sees it the ring may have moved on.
      if (recent !== undefined) return { ...recent, body: Buffer.from(recent.body) };
      const segment = this.#segmentAfter(position);
      if (segment === undefined) return undefined;
      const isNextLane: boolean = segment.ordinal !== position.ordinal;
      if (isNextLane) {
        const hole = this.#lostBefore(segment, position);
        const { lane, ordinal } = segment;
        if (hole !== undefined) return { kind: 'hole', hole, to: { lane, ordinal, seq: 0 } };
        position = { lane: segment.lane, ordinal: segment.ordinal, seq: 0 };
        if (segment.firstSeq === 1) continue;
      }
      if (segment.firstSeq > position.seq + 1) return missing(position, segment.firstSeq - 1);
      return this.#readFile(segment, position);
    }
  }

  /** What follows `after` if it is in memory: no copy, so `body` must be used up before anything else runs. */
  peek(after: Position): FrameRead | undefined {
    const frame = this.#log.frameAfter(after);
    if (frame === undefined) return undefined;
    const { lane, ordinal, firstSeq, lastSeq, mutations } = frame;
    const body = frame.bytes.subarray(frame.bytes.length - frame.bodyBytes);
    return { kind: 'frame', lane, ordinal, firstSeq, lastSeq, mutations, body };
  }

  /** All that was received since then stands after it, as far as the log reaches back; undefined: there is nothing. `ms`: epoch. */
  before(ms: number): Position | undefined {
    const { segments } = this.#log;
    const later = segments.findIndex(({ createdAt }) => createdAt > ms);
    const segment = segments.at(later < 0 ? -1 : Math.max(0, later - 1));
    return segment && startOf(segment);
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    this.#reader = undefined;
  }

  async #readFile(segment: Segment, position: Position): Promise<FrameRead | HoleRead> {
    const wanted = position.seq + 1;
    const isOpen = this.#segment?.path === segment.path && this.#reader !== undefined;
    if (!isOpen || (this.#reader?.nextSeq ?? 0) > wanted) {
      await this.close();
      this.#reader = await SegmentReader.openIfThere(segment.path);
      this.#segment = segment;
    }
    const reader = this.#reader;
    if (reader === undefined) return missing(position, segment.lastSeq, 'its file is missing');
    for (;;) {
      const read: SegmentRead = await reader.next();
      if (read.kind === 'end') return missing(position, segment.lastSeq);
      const last = reader.nextSeq - 1;
      if (last < wanted) continue;
      if (read.kind === 'damage') {
        return missing(position, Math.min(read.to, segment.lastSeq), read.reason);
      }
      const { lane, ordinal } = segment;
      const { firstSeq, mutations } = read.header;
      return { kind: 'frame', lane, ordinal, firstSeq, lastSeq: last, mutations, body: read.body };
    }
  }

  #oldest(): Position | undefined {
    const [first] = this.#log.segments;
    return first && startOf(first);
  }

  /** What stood between `position` and the next lane's first file, and is in no file any more. */
  #lostBefore(next: Segment, position: Position): Hole | undefined {
    const { previous } = next;
    if (previous === undefined || previous.lane === next.lane) return undefined;
    const isListed = this.#log.segments.some(
      ({ lane, firstSeq }) => lane === previous.lane && firstSeq === previous.firstSeq,
    );
    if (isListed) return undefined;
    const from = previous.lane === position.lane ? position.seq + 1 : 1;
    if (previous.lastSeq < from) return undefined;
    return { lane: previous.lane, from, to: previous.lastSeq, reason: MISSING };
  }

  /** The first file that holds a record after the position. */
  #segmentAfter(position: Position): Segment | undefined {
    return this.#log.segments.find(
      ({ ordinal, lastSeq }) =>
        ordinal > position.ordinal || (ordinal === position.ordinal && lastSeq > position.seq),
    );
  }
}

/** Where a record of a frame begins in its body. */
export function offsetOf(
  { body, firstSeq }: Pick<LogFrame, 'body' | 'firstSeq'>,
  seq: number,
): number {
  let at = 0;
  // Only headers begin with `@`.
  for (let before = firstSeq; before < seq; before += 1) at = body.indexOf('\n@', at) + 1;
  return at;
}

function startOf({ lane, ordinal, firstSeq }: Segment): Position {
  return { lane, ordinal, seq: firstSeq - 1 };
}

const MISSING = 'missing from the log';

function missing(position: Position, to: number, reason = MISSING): HoleRead {
  const { lane, ordinal, seq } = position;
  return {
    kind: 'hole',
    hole: { lane, from: seq + 1, to, reason },
    to: { lane, ordinal, seq: to },
  };
}
