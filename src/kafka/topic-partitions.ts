import type { TopicRead } from '../record/topic-read.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import type { KafkaConnection } from './connection.ts';
import type { OffsetRange } from './fetch-session.ts';
import { TopicReader } from './topic-reader.ts';
import { Topic } from './topic.ts';

export interface TopicPartitionsOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly clock: Clock;
  /** What is thrown where it can't be asked; it may ask further. Never resolves. */
  readonly explain: (error: WalError) => Promise<never>;
}

/** A topic of which each partition is read by a reader of its own, so that one can wait for another without holding its messages. */
export class TopicPartitions {
  readonly #options: TopicPartitionsOptions;
  readonly #topic: Topic;

  constructor(options: TopicPartitionsOptions) {
    this.#options = options;
    this.#topic = new Topic(options.connection, options.topic);
  }

  /** Throws KAFKA_UNREACHABLE, TOPIC_MISSING. */
  async ranges(): Promise<ReadonlyMap<number, OffsetRange>> {
    return this.#ask(this.#topic.ranges());
  }

  /** Of the first message of each that is as new as a time, epoch ms, or newer. Throws KAFKA_UNREACHABLE, TOPIC_MISSING. */
  async offsetsAt(ms: number): Promise<ReadonlyMap<number, number>> {
    return this.#ask(this.#topic.offsetsAt(ms));
  }

  /** Reads ahead at once. */
  read(partition: number, offset: number, aheadBytesMax: number): PartitionReader {
    return new PartitionReader(this.#options, { partition, offset, aheadBytesMax });
  }

  async #ask<Answer>(asking: Promise<Answer>): Promise<Answer> {
    try {
      return await asking;
    } catch (cause) {
      const { topic, connection, explain } = this.#options;
      const { message } = cause as Error;
      const at = connection.options.brokers.join(',');
      const says = `the topic ${topic} cannot be asked at ${at}: ${message}`;
      return explain(
        new WalError('KAFKA_UNREACHABLE', says, {
          cause,
          hint: 'Look at --kafka and --topic, at the network between, and at what this user may do there.',
        }),
      );
    }
  }
}

/**
 * Each partition is asked for over a connection of its own, and most have nothing for hours. A message that comes ends the wait, and so does
 * `close`.
 */
const IDLE_WAIT_MS = 5_000;

/** One partition, in its order. */
class PartitionReader {
  readonly #partition: number;
  readonly #reader: TopicReader;
  #hindrance: string | undefined;

  constructor(
    { connection, topic, clock }: TopicPartitionsOptions,
    from: { readonly partition: number; readonly offset: number; readonly aheadBytesMax: number },
  ) {
    const { partition, offset, aheadBytesMax } = from;
    this.#partition = partition;
    this.#reader = new TopicReader({
      connection,
      topic,
      clock,
      from: new Map([[partition, offset]]),
      aheadBytesMax,
      idleWaitMsMax: IDLE_WAIT_MS,
      onHindered: (reason) => (this.#hindrance = reason),
    });
  }

  /** The next read if it is there already. */
  poll(): TopicRead | undefined {
    return this.#reader.poll();
  }

  /** The offset of the next message. */
  get position(): number {
    return this.#reader.positions.get(this.#partition) ?? 0;
  }

  /** How many messages that is behind the end, as far as is known. */
  get behind(): number {
    return Math.max(0, (this.#reader.ends.get(this.#partition) ?? 0) - this.position);
  }

  /** When it was last seen that there is nothing more, monotonic ms; undefined while there is, or that isn't known. */
  get emptyAtMs(): number | undefined {
    return this.#reader.emptyAtMs(this.#partition);
  }

  /** Why nothing can be read now. */
  get hindrance(): string | undefined {
    return this.#hindrance;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
