import type { TopicRead } from '../../record/topic-read.ts';

/** Offsets of one partition, `to` excluded. */
export interface OffsetSpan {
  readonly from: number;
  readonly to: number;
}

/** A topic as what it holds now, which is looked at and not followed. Whatever can't be had of it rejects, with what helps. */
export interface TopicLog {
  readonly topic: string;
  readonly brokers: readonly string[];

  /** Of each partition the offset of the oldest message, and the one after the newest. */
  ranges(): Promise<ReadonlyMap<number, { readonly low: number; readonly high: number }>>;

  /** Of each of these partitions the first message that is as new as its time, epoch ms, or newer; else the one to come. */
  offsetsSince(times: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, number>>;

  /** Where a lane is, unless the topic has been given more partitions since it began. */
  partitionOf(lane: string, partitions: number): number;

  /**
   * The messages of a span, in order. What is gone meanwhile comes as `lost`; when the topic is another one by then, that is the
   * last thing that comes.
   */
  read(partition: number, span: OffsetSpan, signal: AbortSignal): AsyncIterable<TopicRead>;
}
