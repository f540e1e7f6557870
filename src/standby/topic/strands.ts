import type { TopicFrame } from '../../record/topic-read.ts';
import type { Strand } from './strand.ts';

/** The readings of a topic: one of each partition, and one of each lane that is apart from the others in its own. */
export class Strands {
  #all: readonly Strand[];

  constructor(all: readonly Strand[]) {
    this.#all = all;
  }

  get all(): readonly Strand[] {
    return this.#all;
  }

  add(strand: Strand): void {
    this.#all = [...this.#all, strand];
  }

  /** Whether the frame is to be taken where it was read. */
  isFor(strand: Strand, { lane, partition, offset }: TopicFrame): boolean {
    if (strand.lane !== undefined) return strand.lane === lane;
    return !this.#all.some(
      (one) => one.lane === lane && one.isOf(partition) && offset >= one.fromOffset,
    );
  }

  /** Ends readings of lanes that are no longer behind their partition, and that have read all that the others read. */
  join(): { readonly own: Strand; readonly shared: Strand }[] {
    const joined = this.#all.flatMap((own) => {
      if (own.lane === undefined || !own.isAtEnd) return [];
      const shared = this.#all.find((one) => one.lane === undefined && one.isOf(own.partition));
      const isJoined = shared?.isAtEnd === true && own.reads.position >= shared.reads.position;
      return isJoined ? [{ own, shared }] : [];
    });
    if (joined.length === 0) return [];
    this.#all = this.#all.filter((one) => !joined.some(({ own }) => own === one));
    for (const { own } of joined) void own.reads.close();
    return joined;
  }
}
