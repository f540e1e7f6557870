import type { TopicEvent, TopicFrame } from '../../record/topic-read.ts';

/** One member of those who share the partitions of a topic, to bring it to one repository. */
export interface TopicMember {
  readonly topic: string;

  /** The next event; of a partition in the order of the topic. Undefined when none comes for so long, or the signal aborts. */
  next(waitMs: number, signal: AbortSignal): Promise<TopicEvent | undefined>;

  /** Reads a partition from an offset on, now and whenever it is called. */
  begin(partition: number, offset: number): void;

  /** Up to where the partition was settled, as some member last said; undefined when that isn't known. Rejects when the topic can't be asked. */
  settled(partition: number): Promise<number | undefined>;

  /** The offset of the oldest message, and the one after the newest, as they are now. Rejects when the topic can't be asked. */
  range(partition: number): Promise<{ readonly low: number; readonly high: number }>;

  /** Of the first message that is as new as a time, epoch ms, or newer. Rejects when the topic can't be asked. */
  offsetAt(partition: number, ms: number): Promise<number>;

  /** Where a lane is, unless the topic has been given more partitions since it began. */
  partitionOf(lane: string): number;

  /** What is before these offsets needs no reading again. A hint to those who come later: it may fail, and be lost. */
  settle(offsets: ReadonlyMap<number, number>): Promise<void>;

  /** Every frame that is there now, of all partitions, the oldest of each first. Rejects when the topic can't be read. */
  survey(signal: AbortSignal): AsyncIterable<TopicFrame>;
}
