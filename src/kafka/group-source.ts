import type { TopicEvent, TopicFrame } from '../record/topic-read.ts';
import type { Clock } from '../runtime/clock.ts';
import { BoundedTopic } from './bounded-topic.ts';
import type { KafkaConnection } from './connection.ts';
import type { OffsetRange } from './fetch-session.ts';
import { GroupMembership } from './group-membership.ts';
import { partitionOf } from './partition-of.ts';
import { TopicReader } from './topic-reader.ts';
import { Topic } from './topic.ts';

export interface GroupSourceOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly clock: Clock;
  /** Why nothing comes now; undefined when it does again. Called once a change. */
  readonly onHindered: (reason: string | undefined) => void;
}

/** One member of those who read a topic together, each its own partitions, from places that it chooses. */
export class GroupSource {
  readonly topic: string;
  readonly #options: GroupSourceOptions;
  readonly #asked: Topic;
  readonly #reader: TopicReader;
  readonly #membership: GroupMembership;
  readonly #hindrances = new Map<'membership' | 'reading', string>();
  #partitions: number;
  #assigned: readonly number[] | undefined;
  #wake: (() => void) | undefined;

  private constructor(options: GroupSourceOptions, asked: Topic, partitions: number) {
    const { connection, topic, groupId, clock } = options;
    this.topic = topic;
    this.#options = options;
    this.#partitions = partitions;
    this.#asked = asked;
    this.#reader = new TopicReader({
      connection,
      topic,
      clock,
      from: new Map(),
      onHindered: (reason) => this.#hinder('reading', reason),
    });
    this.#membership = new GroupMembership({
      connection,
      topic,
      groupId,
      clock,
      onAssigned: (assigned) => {
        this.#assigned = assigned;
        this.#wake?.();
      },
      onHindered: (reason) => this.#hinder('membership', reason),
    });
  }

  /** Rejects when the topic can't be asked. */
  static async open(options: GroupSourceOptions): Promise<GroupSource> {
    const topic = new Topic(options.connection, options.topic, { keeps: true });
    const ranges = await topic.ranges();
    return new GroupSource(options, topic, ranges.size);
  }

  /** Is a member until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#membership.run(signal);
    await this.#reader.close();
    this.#asked.close();
  }

  /** The next event; of a partition in the order of the topic. Undefined when none comes for so long, or the signal aborts. */
  async next(waitMs: number, signal: AbortSignal): Promise<TopicEvent | undefined> {
    const event = this.#takeAssigned() ?? this.#reader.poll();
    if (event !== undefined) return event;
    const over = new AbortController();
    this.#wake = () => over.abort();
    const until = AbortSignal.any([signal, over.signal]);
    const waiting = this.#options.clock.sleep(waitMs, until).then(() => over.abort());
    const read = await this.#reader.next(until);
    this.#wake = undefined;
    over.abort();
    await waiting;
    return read ?? this.#takeAssigned();
  }

  /** Reads a partition from an offset on, now and whenever it is called. */
  begin(partition: number, offset: number): void {
    this.#reader.seek(new Map([[partition, offset]]));
  }

  /** Up to where the partition was settled, as some member last said; undefined when that isn't known. Rejects when the topic can't be asked. */
  async settled(partition: number): Promise<number | undefined> {
    return (await this.#asked.committed(this.#options.groupId)).get(partition);
  }

  /** The offset of the oldest message, and the one after the newest, as they are now. Rejects when the topic can't be asked. */
  async range(partition: number): Promise<OffsetRange> {
    const ranges = await this.#asked.ranges();
    this.#partitions = ranges.size;
    return ranges.get(partition) ?? { low: 0, high: 0 };
  }

  /** Of the first message that is as new as a time, epoch ms, or newer. Rejects when the topic can't be asked. */
  async offsetAt(partition: number, ms: number): Promise<number> {
    return (await this.#asked.offsetsAt(ms)).get(partition) ?? 0;
  }

  /** Where a lane is, unless the topic has been given more partitions since it began. */
  partitionOf(lane: string): number {
    return partitionOf(lane, this.#partitions);
  }

  /** What is before these offsets needs no reading again. A hint to those who come later: it may fail, and be lost. */
  async settle(offsets: ReadonlyMap<number, number>): Promise<void> {
    await this.#membership.commit(offsets).catch(() => undefined);
  }

  /** Every frame that is there now, of all partitions, the oldest of each first. Rejects when the topic can't be read. */
  async *survey(signal: AbortSignal): AsyncGenerator<TopicFrame> {
    const all = new BoundedTopic({ ...this.#options, hint: HINT });
    for await (const read of all.readAll(signal)) {
      if (read.kind === 'frame') yield read.frame;
    }
  }

  #takeAssigned(): TopicEvent | undefined {
    const partitions = this.#assigned;
    if (partitions === undefined) return undefined;
    this.#assigned = undefined;
    this.#reader.keep(partitions);
    return { kind: 'assigned', partitions };
  }

  #hinder(part: 'membership' | 'reading', reason: string | undefined): void {
    if (reason === undefined) this.#hindrances.delete(part);
    else this.#hindrances.set(part, reason);
    const [first] = this.#hindrances.values();
    this.#options.onHindered(first);
  }
}

const HINT = 'See that the brokers run, and the topic is there.';
