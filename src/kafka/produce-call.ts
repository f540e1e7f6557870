import { createRequire } from 'node:module';
import type { KafkaCall } from './cluster.ts';

const require = createRequire(import.meta.url);

/** Kafka has had this version since 2.1, and has it still. */
const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' } as const;
const response =
  require('kafkajs/src/protocol/requests/produce/v7/response') as KafkaCall<ProduceAnswer>['response'];

/** Answer once all replicas in sync have it. */
const ACKS_ALL = -1;
const NO_TRANSACTION = -1;

export interface ProduceAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly partition: number; readonly baseOffset: string }[];
  }[];
}

/**
 * The request that adds a batch to a partition, all integers big-endian: transaction i16 (length -1: none), acks i16,
 * timeout i32, topics i32, name of the topic i16 and bytes, partitions i32, partition i32, length of the batch i32, batch.
 */
export function produceCall(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  batch: readonly Buffer[],
  timeoutMs: number,
): KafkaCall<ProduceAnswer> {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(14 + name.length + 12);
  head.writeInt16BE(NO_TRANSACTION, 0);
  head.writeInt16BE(ACKS_ALL, 2);
  head.writeInt32BE(timeoutMs, 4);
  head.writeInt32BE(1, 8);
  head.writeInt16BE(name.length, 12);
  const after = 14 + name.copy(head, 14);
  head.writeInt32BE(1, after);
  head.writeInt32BE(partition, after + 4);
  head.writeInt32BE(
    batch.reduce((sum, part) => sum + part.length, 0),
    after + 8,
  );
  const buf = Buffer.concat([head, ...batch]);
  return {
    request: { ...PRODUCE, encode: async () => ({ buf, buffer: buf }) },
    response,
  };
}
