import { setTimeout as sleep } from 'node:timers/promises';
import type { Term } from '../record/term.ts';
import type { SentFrame } from '../record/topic-read.ts';
import { type Cluster, clusterOf } from './cluster.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { FetchSession } from './fetch-session.ts';
import { produceCall } from './produce-call.ts';
import { encodeBatch } from './record-batch.ts';
import { decodeMessage, encodeMessage } from './topic-frame.ts';
import type { Acknowledged } from './topic-place.ts';

/** A send is tried again so often, on new connections; then the session is over. */
const RETRIES = 4;
const RETRY_MS_MIN = 50;

/** Kafka wants one from producers without transactions, too. */
const TRANSACTION_MS = 30_000;

const SEQUENCE_MASK = 0x7f_ff_ff_ff;

/** Less isn't worth the memory that packing takes: an idle proxy sends a tick each second. */
const PACKED_BYTES_MIN = 512;

const READ_BACK = { waitMs: 500, partitionBytesMax: 1_048_576, bytesMax: 1_048_576 } as const;

/**
 * One producer, from its connection to its first failure. Kafka gives each producer an identity, and drops what one of them
 * repeats: a send whose answer was lost is sent again as it was. That holds while one send is under way at a time. So who uses a
 * session waits for each send, and after an error opens the next one and sends again from the last that was acknowledged.
 *
 * Connections, users and who leads a partition are kafkajs's; its producer is not used. That one encodes a batch in ten times the
 * time, and gives the sequence of a failed send to the next one.
 */
export class ProducerSession {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #client: KafkaClient;
  readonly #cluster: Cluster;
  /** The sequence of the next batch, by partition. */
  readonly #sequences = new Map<number, number>();
  #identity = { producerId: -1n, producerEpoch: -1 };
  #isClosed = false;

  private constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
    this.#client = connection.client({ retries: RETRIES });
    this.#cluster = clusterOf(this.#client.kafka);
  }

  /** Rejects when it can't be had in time; nothing of it is left then. */
  static async open(connection: KafkaConnection, topic: string): Promise<ProducerSession> {
    const session = new ProducerSession(connection, topic);
    try {
      await session.#client.within(session.#identify());
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** The topic's partitions, and whether it still holds the message that it acknowledged last. */
  async look(
    last: Acknowledged | undefined,
  ): Promise<{ readonly partitions: readonly number[]; readonly holdsLast: boolean }> {
    const client = this.#connection.client({ retries: 0 });
    try {
      return await lookAt(client, this.#topic, last);
    } finally {
      client.hangUp();
    }
  }

  /** The offset of the message, once all replicas in sync have it. */
  async send(frame: SentFrame, partition: number, nowMs: number, term?: Term): Promise<number> {
    const { compression, requestTimeout } = this.#connection.options;
    const packed = frame.body.length < PACKED_BYTES_MIN ? 'none' : compression;
    const sequence = this.#sequences.get(partition) ?? 0;
    const order = { ...this.#identity, sequence };
    const batch = await encodeBatch(encodeMessage(frame, nowMs, term), order, packed);
    const call = produceCall({ topic: this.#topic, partition }, batch, requestTimeout);
    const answer = await this.#client.within(
      this.#retried(async () => {
        const broker = await this.#cluster.findBroker({ nodeId: this.#leaderOf(partition) });
        return broker.connectionPool.send(call);
      }),
    );
    const offset = Number(answer.topics[0]?.partitions[0]?.baseOffset ?? -1);
    if (offset < 0) throw new Error('Kafka did not say where it put it');
    this.#sequences.set(partition, (sequence + 1) & SEQUENCE_MASK);
    return offset;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#isClosed = true;
    this.#client.hangUp();
  }

  async #identify(): Promise<void> {
    const cluster = this.#cluster;
    await cluster.connect();
    await cluster.addTargetTopic(this.#topic);
    const [first] = cluster.findTopicPartitionMetadata(this.#topic);
    const broker = await cluster.findBroker({ nodeId: String(first?.leader) });
    const identity = await broker.initProducerId({ transactionTimeout: TRANSACTION_MS });
    const { producerId, producerEpoch } = identity;
    this.#identity = { producerId: BigInt(producerId), producerEpoch };
  }

  #leaderOf(partition: number): string {
    const partitions = this.#cluster.findTopicPartitionMetadata(this.#topic);
    return String(partitions.find(({ partitionId }) => partitionId === partition)?.leader);
  }

  /** Tries the same again while that may help: with its sequence, the broker adds it once. */
  async #retried<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (let delayMs = RETRY_MS_MIN, tries = 0; ; delayMs *= 2, tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const { retriable } = error as ClientError;
        if (tries >= RETRIES || retriable !== true || this.#isClosed) throw error;
        this.#giveUpSilent(error as ClientError);
        await sleep(delayMs);
        if (this.#isClosed) throw error;
        // Where that fails, the next try fails in the same way.
        await this.#reconnect().catch((fault: ClientError) => this.#giveUpSilent(fault));
      }
    }
  }

  /** kafkajs goes on waiting at a connection that is silently dead. */
  #giveUpSilent({ name, broker }: ClientError): void {
    if (name === 'KafkaJSRequestTimeoutError' && broker !== undefined) this.#client.hangUp(broker);
  }

  async #reconnect(): Promise<void> {
    await this.#cluster.connect();
    await this.#cluster.refreshMetadata();
  }
}

interface ClientError extends Error {
  readonly retriable?: boolean;
  /** `host:port`. */
  readonly broker?: string;
}

async function lookAt(client: KafkaClient, topic: string, last: Acknowledged | undefined) {
  const session = await FetchSession.open(client, topic);
  const partitions = session.partitions();
  const holdsLast = last === undefined || (await holds(session, last));
  return { partitions, holdsLast };
}

/** By its offsets, and by the message itself: a topic that was made anew may have grown past the old offset. */
async function holds(session: FetchSession, last: Acknowledged): Promise<boolean> {
  const { partition, offset } = last;
  const leader = [...session.leaders()].find(([, led]) => led.includes(partition))?.[0];
  if (leader === undefined) return false;
  const range = (await session.ranges([partition])).get(partition);
  if (range === undefined || offset < range.low || offset >= range.high) return false;
  const [fetched] = await session.fetch(leader, new Map([[partition, offset]]), READ_BACK);
  const message = fetched?.messages[0];
  if (message === undefined) return false;
  const decoded = decodeMessage(partition, message);
  if (decoded.kind === 'foreign') return false;
  const { frame } = decoded;
  return frame.offset === offset && frame.lane === last.lane && frame.lastSeq === last.seq;
}
