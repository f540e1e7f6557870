import type { TopicRead } from '../../record/topic-read.ts';

/** A topic whose partitions are each read by themselves. */
export interface SharedTopic {
  /** The offset of the oldest message of each partition, and the one after the newest. Rejects when the topic can't be asked. */
  ranges(): Promise<ReadonlyMap<number, { readonly low: number; readonly high: number }>>;

  /** Of the first message of each partition that is as new as a time, epoch ms, or newer. Rejects when the topic can't be asked. */
  offsetsAt(ms: number): Promise<ReadonlyMap<number, number>>;

  /** Reads a partition from there on, over outages, and ahead of what is asked for. */
  read(partition: number, offset: number, aheadBytesMax: number): PartitionReads;
}

export interface PartitionReads {
  /** The next read if it is there already. */
  poll(): TopicRead | undefined;
  /** The offset of the next message. */
  readonly position: number;
  /** How many messages that is behind the end, as far as is known. */
  readonly behind: number;
  /** When it was last seen that there is nothing more, monotonic ms; undefined while there is, or that isn't known. */
  readonly emptyAtMs: number | undefined;
  /** Why nothing can be read now. */
  readonly hindrance: string | undefined;
  close(): Promise<void>;
}
