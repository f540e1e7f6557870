import type { Fork } from '../../record/fork.ts';
import { forksIn } from '../../record/lane-control.ts';
import { CLOCK_MS_MAX, type TopicFrame } from '../../record/topic-read.ts';
import type { Clock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import type { SeenLanes } from '../source/seen-lanes.ts';
import type { PartitionReads, SharedTopic } from './shared-topic.ts';

export interface TopicScoutOptions {
  readonly topic: SharedTopic;
  readonly clock: Clock;
  /** Told of all that is looked at. */
  readonly seen: SeenLanes;
}

const AHEAD_BYTES = 1_048_576;
const POLL_MS = 10;

/** Reads the partitions of a topic beside whoever reads them in order, only for what they say to be undone, and who writes there. */
export class TopicScout {
  readonly #options: TopicScoutOptions;
  /** Each goes on where it ended. */
  readonly #reads = new Map<number, PartitionReads>();
  /** By looks that ended before they told of it: no other comes to it. */
  readonly #found: Fork[] = [];

  constructor(options: TopicScoutOptions) {
    this.#options = options;
  }

  /** To the end of what is there now. `taken`: by partition, the offset up to which others have looked. Throws KAFKA_UNREACHABLE. */
  async look(taken: ReadonlyMap<number, number>, signal: AbortSignal): Promise<Fork[]> {
    for (const [partition, { low, high }] of await this.#options.topic.ranges()) {
      const reads = await this.#readsFrom(partition, Math.max(low, taken.get(partition) ?? low));
      await this.#read(reads, { high, partition, signal }, (frame) => {
        this.#options.seen.note(frame);
        this.#found.push(...forksIn(frame));
        return false;
      });
    }
    return this.#found.splice(0);
  }

  /** Whether the topic has it that the fork was told by then, epoch ms. Throws KAFKA_UNREACHABLE. */
  async isSaidBy({ id, at }: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    const { topic } = this.#options;
    const ranges = await topic.ranges();
    const offsets = await topic.offsetsAt(Math.max(0, at - CLOCK_MS_MAX));
    for (const [partition, { low, high }] of ranges) {
      const from = Math.max(low, offsets.get(partition) ?? low);
      const reads = topic.read(partition, from, AHEAD_BYTES);
      let isSaid = false;
      try {
        await this.#read(reads, { high, partition, signal }, (frame) => {
          isSaid = forksIn(frame).some((one) => one.id === id && one.receivedAt <= byMs);
          return isSaid || frame.firstReceivedAt > byMs + CLOCK_MS_MAX;
        });
      } finally {
        await reads.close();
      }
      if (isSaid) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    const all = [...this.#reads.values()];
    this.#reads.clear();
    await Promise.all(all.map((reads) => reads.close()));
  }

  async #readsFrom(partition: number, offset: number): Promise<PartitionReads> {
    const known = this.#reads.get(partition);
    if (known !== undefined && known.position >= offset) return known;
    await known?.close();
    const reads = this.#options.topic.read(partition, offset, AHEAD_BYTES);
    this.#reads.set(partition, reads);
    return reads;
  }

  /** Up to `high`, or to what is enough. */
  async #read(
    reads: PartitionReads,
    to: { readonly high: number; readonly partition: number; readonly signal: AbortSignal },
    isEnough: (frame: TopicFrame) => boolean,
  ): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    while (reads.position < to.high && !to.signal.aborted) {
      const read = reads.poll();
      if (read?.kind === 'frame' && isEnough(read.frame)) return;
      if (read !== undefined) continue;
      if ((reads.emptyAtMs ?? -Infinity) > beganMs) return;
      if (reads.hindrance !== undefined) {
        throw new WalError('KAFKA_UNREACHABLE', `partition ${to.partition}: ${reads.hindrance}`);
      }
      await clock.sleep(POLL_MS, to.signal);
    }
  }
}
