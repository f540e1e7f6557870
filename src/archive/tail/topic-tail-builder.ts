import type { TopicFrame } from '../../record/topic-read.ts';
import { type LocalSegmentOptions, LaneSegments } from './local-segments.ts';
import type { LaneTail } from './log-tail.ts';
import { SequenceSet } from '../../record/sequence-set.ts';
import type { TopicTail } from './topic-tail.ts';
import type { LaneAddition } from './with-tail.ts';

/** What was made segments of. */
export interface MadeTail {
  readonly additions: readonly LaneAddition[];
  /** Something that was to be there is gone: look again. */
  readonly isMoved: boolean;
}

export interface TailSegmentOptions extends LocalSegmentOptions {
  /** Bytes of records that were read since the last call. */
  readonly onRead: (bytes: number) => void;
}

/** Segments that are being made at once. Lanes that ended without a word leave theirs open. */
const OPEN_MAX = 16;

/** Reads the parts of the topic that only it has once more, and makes segments of them. */
export async function makeTopicSegments(
  options: TailSegmentOptions,
  { topic, lanes, spans }: TopicTail,
): Promise<MadeTail> {
  const makers = new Map(lanes.map((lane) => [lane.begin.lane, new LaneMaker(options, lane)]));
  const open = new Set<LaneMaker>();
  try {
    for (const [partition, span] of spans) {
      for await (const read of topic.read(partition, span, options.signal)) {
        if (read.kind !== 'frame') continue;
        const maker = makers.get(read.frame.lane);
        if (maker === undefined) continue;
        options.onRead(await maker.take(read.frame));
        // The one that was fed last is the last of them.
        open.delete(maker);
        if (maker.segments.isOpen) open.add(maker);
        const [oldest] = open;
        if (open.size <= OPEN_MAX || oldest === undefined) continue;
        open.delete(oldest);
        await oldest.segments.finish();
      }
      options.signal.throwIfAborted();
    }
    for (const { segments } of makers.values()) await segments.finish();
  } finally {
    for (const { segments } of makers.values()) await segments.discard();
  }
  const made = [...makers.values()];
  return {
    additions: made.map(({ segments }) => segments.addition),
    isMoved: made.some(({ lacks }) => lacks),
  };
}

class LaneMaker {
  readonly segments: LaneSegments;
  /** What was taken, or is none of what is to be. */
  readonly #done: SequenceSet;
  readonly #wanted: LaneTail['runs'];

  constructor(options: TailSegmentOptions, lane: LaneTail) {
    this.segments = new LaneSegments(options, lane);
    this.#wanted = lane.runs;
    const all = new SequenceSet(lane.runs);
    this.#done = new SequenceSet(all.without({ firstSeq: 0, lastSeq: Infinity }));
  }

  get lacks(): boolean {
    return this.#wanted.some((run) => this.#done.without(run).length > 0);
  }

  /** Returns how many bytes of it were wanted. */
  async take(frame: TopicFrame): Promise<number> {
    let bytes = 0;
    for (const range of this.#done.without(frame)) {
      this.#done.add(range);
      bytes += await this.segments.take(frame, range);
    }
    return bytes;
  }
}
