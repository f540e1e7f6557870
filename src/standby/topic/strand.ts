import type { TopicFrame } from '../../record/topic-read.ts';
import type { PartitionReads } from './shared-topic.ts';

export interface StrandOptions {
  readonly partition: number;
  readonly reads: PartitionReads;
  /** The only lane of which frames are taken; undefined: all that have no strand of their own. */
  readonly lane?: string;
  /** Older messages were there once. */
  readonly isCut: boolean;
}

/** One reading of a partition: for all its lanes, or for one that came late and is therefore far from the others. */
export class Strand {
  readonly partition: number;
  readonly lane: string | undefined;
  readonly reads: PartitionReads;
  readonly fromOffset: number;
  readonly #isCut: boolean;
  #hasLost = false;
  #reachedMs = -Infinity;
  #messages = 0;
  #records = 0;

  constructor({ partition, reads, lane, isCut }: StrandOptions) {
    this.partition = partition;
    this.lane = lane;
    this.reads = reads;
    this.#isCut = isCut;
    this.fromOffset = reads.position;
  }

  /** Older messages than those that it shows were there once. */
  get isCut(): boolean {
    return this.#isCut || this.#hasLost;
  }

  /** Messages that it was to show went before it did. */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  noteLost(): void {
    this.#hasLost = true;
  }

  /** The latest receive time that was read, epoch ms. */
  get reachedMs(): number {
    return this.#reachedMs;
  }

  /** Whether nothing more is there, as far as is known: not while it can't be read. */
  get isAtEnd(): boolean {
    return this.reads.emptyAtMs !== undefined && this.reads.hindrance === undefined;
  }

  /** Whether it has shown anything yet. */
  get isAsked(): boolean {
    return this.isAtEnd || this.#messages > 0 || this.reads.behind > 0;
  }

  /** Records that are there and were not read: known by their messages, each as long as those before. */
  get unread(): number {
    return Math.ceil((this.reads.behind * this.#records) / Math.max(1, this.#messages));
  }

  isOf(partition: number): boolean {
    return this.partition === partition;
  }

  note({ lane, firstSeq, lastSeq, lastReceivedAt }: TopicFrame): void {
    if (this.lane !== undefined && this.lane !== lane) return;
    this.#reachedMs = Math.max(this.#reachedMs, lastReceivedAt);
    this.#messages += 1;
    this.#records += lastSeq - firstSeq + 1;
  }
}
