import { type Cluster, clusterOf, type PartitionData } from './cluster.ts';
import type { KafkaClient } from './connection.ts';

/** A message as Kafka keeps it. */
export interface FetchedMessage {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  /** By name; one that is there several times is not one of ours. */
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>;
}

export interface FetchedPartition {
  readonly partition: number;
  /** In order, from the asked offset on; there may be none. */
  readonly messages: readonly FetchedMessage[];
  /** Where to go on: after the last message, or after what is no message, as a transaction's end. */
  readonly nextOffset: number;
  /** The offset that the next message of the partition gets. */
  readonly high: number;
}

export interface OffsetRange {
  /** Of the oldest message there is. */
  readonly low: number;
  readonly high: number;
}

/** A partition doesn't have the asked offset: retention took it, or the topic is another one than before. */
export class OffsetGone extends Error {
  readonly partition: number;

  constructor(partition: number) {
    super(`partition ${partition} does not have the asked offset`);
    this.partition = partition;
  }
}

export interface FetchLimits {
  /** How long the broker waits for something to send, ms. */
  readonly waitMs: number;
  /** As sent, so before it is inflated. */
  readonly partitionBytesMax: number;
  readonly bytesMax: number;
}

/**
 * Fetches messages of one topic from the brokers that lead its partitions, without a consumer group: who reads a log at
 * places of its own needs no assignment, no commits and no rights for groups, and must not stop at a rebalance.
 *
 * kafkajs has no such call, but the parts of it (`Cluster`, its own); they are reached in `clusterOf`. Any error ends the
 * session: the caller hangs up and opens the next.
 */
export class FetchSession {
  readonly #client: KafkaClient;
  readonly #cluster: Cluster;
  readonly #topic: string;

  private constructor(client: KafkaClient, cluster: Cluster, topic: string) {
    this.#client = client;
    this.#cluster = cluster;
    this.#topic = topic;
  }

  /** The client is the session's own. Rejects when the topic can't be read. */
  static async open(client: KafkaClient, topic: string): Promise<FetchSession> {
    const cluster = clusterOf(client.kafka);
    await client.within(cluster.connect());
    await client.within(cluster.addTargetTopic(topic));
    return new FetchSession(client, cluster, topic);
  }

  /** The partitions that each broker leads, by its node. */
  leaders(): ReadonlyMap<string, readonly number[]> {
    const leaders = new Map<string, number[]>();
    for (const { partitionId, leader } of this.#cluster.findTopicPartitionMetadata(this.#topic)) {
      const partitions = leaders.get(String(leader)) ?? [];
      partitions.push(partitionId);
      leaders.set(String(leader), partitions);
    }
    return leaders;
  }

  /** Asks the brokers again who leads what. */
  async refresh(): Promise<void> {
    await this.#client.within(this.#cluster.refreshMetadata());
  }

  /** What follows the offsets of partitions that one broker leads. Throws OffsetGone. */
  async fetch(
    nodeId: string,
    offsets: ReadonlyMap<number, number>,
    limits: FetchLimits,
  ): Promise<FetchedPartition[]> {
    const partitions = [...offsets].map(([partition, offset]) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: limits.partitionBytesMax,
    }));
    const asked = {
      topics: [{ topic: this.#topic, partitions }],
      isolationLevel: READ_COMMITTED,
      maxWaitTime: limits.waitMs,
      maxBytes: limits.bytesMax,
    };
    const fetching = this.#cluster.findBroker({ nodeId }).then((broker) => broker.fetch(asked));
    const { responses } = await this.#client.within(fetching).catch((error: BrokerError) => {
      const isGone = error.type === 'OFFSET_OUT_OF_RANGE' && error.partition !== undefined;
      throw isGone ? new OffsetGone(error.partition) : error;
    });
    return responses.flatMap((response) =>
      response.partitions.map((data) => readPartition(data, offsets.get(data.partition) ?? 0)),
    );
  }

  partitions(): readonly number[] {
    return [...this.leaders().values()].flat().toSorted((a, b) => a - b);
  }

  async ranges(partitions: readonly number[]): Promise<ReadonlyMap<number, OffsetRange>> {
    const lows = await this.#offsets(partitions, { fromBeginning: true });
    const highs = await this.#offsets(partitions, { fromBeginning: false });
    return new Map(
      partitions.map((one) => [one, { low: lows.get(one) ?? 0, high: highs.get(one) ?? 0 }]),
    );
  }

  /** `low`: of the first message that is as new as a time, epoch ms, or newer; where there is none, of the next one to come. */
  async spansFrom(
    partitions: readonly number[],
    ms: number,
  ): Promise<ReadonlyMap<number, OffsetRange>> {
    const found = await this.#offsets(partitions, { fromTimestamp: ms });
    const highs = await this.#offsets(partitions, { fromBeginning: false });
    const span = (one: number): OffsetRange => {
      const offset = found.get(one) ?? -1;
      const high = highs.get(one) ?? 0;
      return { low: offset < 0 ? high : offset, high };
    };
    return new Map(partitions.map((one) => [one, span(one)]));
  }

  /** The first message that is as new as a time, epoch ms, or newer; where there is none, where the next one will be. */
  async offsetsAt(partitions: readonly number[], ms: number): Promise<ReadonlyMap<number, number>> {
    const spans = await this.spansFrom(partitions, ms);
    return new Map([...spans].map(([partition, { low }]) => [partition, low]));
  }

  /** What a consumer group has left of each partition; without those of which it has left nothing. */
  async committed(groupId: string): Promise<ReadonlyMap<number, number>> {
    const partitions = this.partitions().map((partition) => ({ partition }));
    const topics = [{ topic: this.#topic, partitions }];
    const asking = this.#cluster
      .findGroupCoordinator({ groupId })
      .then((broker) => broker.offsetFetch({ groupId, topics }));
    const { responses } = await this.#client.within(asking);
    const left = responses.flatMap((response) =>
      response.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const),
    );
    return new Map(left.filter(([, offset]) => offset >= 0));
  }

  async #offsets(
    partitions: readonly number[],
    which: { readonly fromBeginning: boolean } | { readonly fromTimestamp: number },
  ): Promise<ReadonlyMap<number, number>> {
    const asked = partitions.map((partition) => ({ partition }));
    const asking = this.#cluster.fetchTopicsOffset([
      { topic: this.#topic, partitions: asked, ...which },
    ]);
    const answers = await this.#client.within(asking);
    return new Map(
      answers.flatMap((answer) =>
        answer.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const),
      ),
    );
  }
}

const READ_COMMITTED = 1;

function readPartition(data: PartitionData, asked: number): FetchedPartition {
  // A batch is sent whole, though it may begin before what was asked for.
  const wanted = data.messages.filter(({ offset }) => Number(offset) >= asked);
  const last = wanted.at(-1);
  return {
    partition: data.partition,
    messages: wanted
      .filter(({ isControlRecord }) => !isControlRecord)
      .map(({ offset, key, value, timestamp, headers }) => ({
        offset: Number(offset),
        key,
        value,
        timestamp: Number(timestamp),
        headers,
      })),
    nextOffset: last === undefined ? asked : Number(last.offset) + 1,
    high: Number(data.highWatermark),
  };
}

interface BrokerError extends Error {
  readonly type?: string;
  readonly partition: number;
}
