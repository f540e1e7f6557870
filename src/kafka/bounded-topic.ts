import type { TopicRead } from '../record/topic-read.ts';
import type { Clock } from '../runtime/clock.ts';
import { WalError } from '../runtime/errors.ts';
import type { KafkaConnection } from './connection.ts';
import type { OffsetRange } from './fetch-session.ts';
import { isTopicMissing } from './failure.ts';
import { partitionOf } from './partition-of.ts';
import { topicMissing } from './topic-check.ts';
import { TopicReader } from './topic-reader.ts';
import { Topic } from './topic.ts';

export interface BoundedTopicOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly clock: Clock;
  /** What to do when it can't be had. */
  readonly hint: string;
}

const LIMITS = {
  /** When nothing came for so long, it is looked whether there is anything. */
  silentMs: 2_000,
  /** With Kafka away for so long, reading is given up. */
  awayMsMax: 30_000,
} as const;

/** A topic as what it holds now. Rejects with TOPIC_MISSING or KAFKA_UNREACHABLE. */
export class BoundedTopic {
  readonly topic: string;
  readonly brokers: readonly string[];
  readonly #options: BoundedTopicOptions;
  readonly #asked: Topic;

  constructor(options: BoundedTopicOptions) {
    const { connection, topic } = options;
    this.topic = topic;
    this.brokers = connection.options.brokers;
    this.#options = options;
    this.#asked = new Topic(connection, topic);
  }

  async ranges(): Promise<ReadonlyMap<number, OffsetRange>> {
    return this.#ask(() => this.#asked.ranges());
  }

  async offsetsSince(times: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, number>> {
    return this.#ask(() => this.#asked.offsetsSince(times));
  }

  /** All that is there now, of one partition after the other, as `read` gives it. */
  async *readAll(signal: AbortSignal): AsyncGenerator<TopicRead> {
    for (const [partition, { low, high }] of await this.ranges()) {
      if (low < high) yield* this.read(partition, { from: low, to: high }, signal);
    }
  }

  partitionOf(lane: string, partitions: number): number {
    return partitionOf(lane, partitions);
  }

  /**
   * The messages of a span, in order; `to` is excluded. What is gone meanwhile comes as `lost`; when the topic is another one by then, or
   * shorter, that is the last thing that comes.
   */
  async *read(
    partition: number,
    { from, to }: { readonly from: number; readonly to: number },
    signal: AbortSignal,
  ): AsyncGenerator<TopicRead> {
    const { connection, topic, clock } = this.#options;
    const reader = new TopicReader({
      connection,
      topic,
      clock,
      from: new Map([[partition, from]]),
    });
    const position = (): number => reader.positions.get(partition) ?? from;
    let heardAtMs = clock.monotonicMs();
    try {
      while (position() < to) {
        // At the end there may be what is no message. Asked before: what is fetched by then can be polled.
        const isFetched = (reader.fetched.get(partition) ?? from) >= to;
        const read = reader.poll() ?? (isFetched ? undefined : await nextSoon(reader, signal));
        if (signal.aborted) return;
        if (read !== undefined) {
          heardAtMs = clock.monotonicMs();
          if (read.kind === 'frame' && read.frame.offset >= to) return;
          yield read;
          if (read.kind === 'lost' && read.to < read.from) return;
          continue;
        }
        if (isFetched) return;
        const isLate = clock.monotonicMs() - heardAtMs > LIMITS.awayMsMax;
        const { low, high } = (await this.#rangeOf(partition, isLate)) ?? { low: from, high: to };
        if (high < to) {
          yield { kind: 'lost', partition, from: position(), to: Math.min(low, position()) };
          return;
        }
        if (isLate) throw this.#unreachable('nothing comes');
      }
    } finally {
      await reader.close();
    }
  }

  /** Undefined while Kafka is away, unless it has been for too long. */
  async #rangeOf(partition: number, isLate: boolean): Promise<OffsetRange | undefined> {
    try {
      return (await this.ranges()).get(partition);
    } catch (error) {
      if (isLate) throw error;
      return undefined;
    }
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await question();
    } catch (error) {
      if (!isTopicMissing(error)) throw this.#unreachable((error as Error).message, error);
      const { connection, hint } = this.#options;
      const list = `kafka-topics.sh --bootstrap-server ${this.brokers[0] ?? ''} --list`;
      throw topicMissing(connection, this.topic, {
        cause: error,
        hint: `${list} shows which there are. ${hint}`,
      });
    }
  }

  #unreachable(why: string, cause?: unknown): WalError {
    const { hint } = this.#options;
    const says = `the topic ${this.topic} cannot be read from ${this.brokers.join(',')}: ${why}`;
    return new WalError('KAFKA_UNREACHABLE', says, { cause, hint });
  }
}

/** Undefined when nothing comes for a moment. */
async function nextSoon(reader: TopicReader, signal: AbortSignal): Promise<TopicRead | undefined> {
  return reader.next(AbortSignal.any([signal, AbortSignal.timeout(LIMITS.silentMs)]));
}
