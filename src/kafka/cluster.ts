import type { Kafka } from 'kafkajs';

/** The parts of kafkajs 2.2.4 that its producer and its consumer are made of: connections, and who leads what. */
export interface Cluster {
  connect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(
    topic: string,
  ): readonly { readonly partitionId: number; readonly leader: number }[];
  /** Connects to it where that is not done yet. */
  findBroker(asked: { readonly nodeId: string }): Promise<Broker>;
  findGroupCoordinator(asked: { readonly groupId: string }): Promise<Broker>;
  fetchTopicsOffset(
    asked: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
      readonly fromBeginning?: boolean;
      readonly fromTimestamp?: number;
    }[],
  ): Promise<
    {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[]
  >;
}

interface Broker {
  fetch(asked: object): Promise<{
    readonly responses: readonly { readonly partitions: readonly PartitionData[] }[];
  }>;
  /** -1: none. */
  offsetFetch(asked: object): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  initProducerId(asked: {
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  /** Any request, on the connection that is meant for its kind. */
  readonly connectionPool: { send<Answer>(call: KafkaCall<Answer>): Promise<Answer> };
}

export interface PartitionData {
  readonly partition: number;
  readonly highWatermark: string;
  readonly messages: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>;
    readonly isControlRecord: boolean;
  }[];
}

/** A request as kafkajs's connections take it. */
export interface KafkaCall<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    /** What follows the header of the request, as kafkajs's encoders show it. */
    encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly response: {
    decode(bytes: Buffer): Promise<object>;
    /** Rejects when it tells an error. */
    parse(decoded: object): Promise<Answer>;
  };
}

/** Kafka keeps the maker of clusters under a symbol of its own. The version is pinned, and tests read and write a topic through it. */
export function clusterOf(kafka: Kafka): Cluster {
  const symbols = Object.getOwnPropertySymbols(kafka);
  const symbol = symbols.find(({ description }) => description === 'private:Kafka:createCluster');
  const create =
    symbol && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (create === undefined) throw new Error('this version of kafkajs makes clusters elsewhere');
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}
