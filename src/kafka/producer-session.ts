import type { Producer } from 'kafkajs';
import type { SentFrame } from '../record/topic-read.ts';
import { COMPRESSION_TYPES } from './codecs.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { FetchSession } from './fetch-session.ts';
import { decodeMessage, encodeMessage } from './topic-frame.ts';
import type { Acknowledged } from './topic-place.ts';

/** kafkajs tries a send again so often, on new connections; then the session is over. */
const RETRIES = 4;

/** Less isn't worth the memory that packing takes: an idle proxy sends a tick each second. */
const PACKED_BYTES_MIN = 512;

const READ_BACK = { waitMs: 500, partitionBytesMax: 1_048_576, bytesMax: 1_048_576 } as const;

/**
 * One producer, from its connection to its first failure. Kafka gives each producer an identity, and drops what one of them
 * repeats; that holds for one send at a time only, and a producer of which a send failed is never used again. So who uses a
 * session waits for each send, and after an error opens the next one and sends again from the last that was acknowledged.
 */
export class ProducerSession {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #client: KafkaClient;
  readonly #producer: Producer;

  private constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
    this.#client = connection.client({ retries: RETRIES });
    this.#producer = this.#client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // A lane has its own.
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    });
    // kafkajs goes on waiting at a connection that is silently dead.
    this.#producer.on('producer.network.request_timeout', ({ payload }) => {
      this.#client.hangUp(payload.broker);
    });
  }

  /** Rejects when it can't be had in time; nothing of it is left then. */
  static async open(connection: KafkaConnection, topic: string): Promise<ProducerSession> {
    const session = new ProducerSession(connection, topic);
    try {
      await session.#client.within(session.#producer.connect());
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
  async send(frame: SentFrame, partition: number, nowMs: number): Promise<number> {
    const { compression } = this.#connection.options;
    const sent = this.#producer.send({
      topic: this.#topic,
      acks: -1,
      timeout: this.#connection.options.requestTimeout,
      compression: COMPRESSION_TYPES[frame.body.length < PACKED_BYTES_MIN ? 'none' : compression],
      messages: [{ ...encodeMessage(frame, nowMs), partition }],
    });
    const [answer] = await this.#client.within(sent);
    if (answer?.baseOffset === undefined) throw new Error('Kafka did not say where it put it');
    return Number(answer.baseOffset);
  }

  /** Gives up what is under way. */
  close(): void {
    this.#client.hangUp();
    // It ends by itself: there is no connection on which it could wait.
    void this.#producer.disconnect().catch(() => undefined);
  }
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
