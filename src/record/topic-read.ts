import type { LaneFrame } from './lane-frame.ts';
import type { Term } from './term.ts';

/** What a message of the topic holds, as its sender says (docs/FORMATS.md). */
export interface SentFrame extends LaneFrame {
  readonly host: string;
  readonly mutations: number;
}

export interface TopicFrame extends SentFrame {
  /** By the sender's clock, epoch ms; messages of earlier versions don't say. */
  readonly sentAt?: number;
  /** Of its sender's primary, or what its sender was told by others that is later. */
  readonly term?: Term;
  readonly partition: number;
  readonly offset: number;
}

export type TopicRead =
  | { readonly kind: 'frame'; readonly frame: TopicFrame }
  /** A message that no tsdb-wal made, or that isn't whole. */
  | {
      readonly kind: 'foreign';
      readonly partition: number;
      readonly offset: number;
      readonly reason: string;
    }
  /**
   * The partition no longer has these offsets, `to` excluded: retention took them. `to` before `from`: the topic is not the
   * one that was read before. It goes on with the oldest message that there is.
   */
  | {
      readonly kind: 'lost';
      readonly partition: number;
      readonly from: number;
      readonly to: number;
    };

/** The times of messages are those of their senders, or of their brokers: these and those of the records in them differ by less. */
export const CLOCK_MS_MAX = 60_000;

/** What one of those is told who share the partitions of a topic. */
export type TopicEvent =
  /** These partitions, and no others, are this member's from now on: nothing of the new ones comes before `begin`. */
  { readonly kind: 'assigned'; readonly partitions: readonly number[] } | TopicRead;
