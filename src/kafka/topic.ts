import type { KafkaConnection } from './connection.ts';
import { FetchSession, type OffsetRange } from './fetch-session.ts';

/** Asks where a topic stands, over connections of its own for each question: it is seldom asked. */
export class Topic {
  readonly name: string;
  readonly #connection: KafkaConnection;

  constructor(connection: KafkaConnection, name: string) {
    this.#connection = connection;
    this.name = name;
  }

  /** Of every partition. Rejects when the topic can't be asked. */
  async ranges(): Promise<ReadonlyMap<number, OffsetRange>> {
    return this.#ask(async (session) => session.ranges(session.partitions()));
  }

  /** The first message that is as new as a time, epoch ms, or newer; where there is none, where the next one will be. */
  async offsetsAt(ms: number): Promise<ReadonlyMap<number, number>> {
    return this.#ask(async (session) => session.offsetsAt(session.partitions(), ms));
  }

  /** Of each of these partitions the first message that is as new as its time, epoch ms, or newer; else where the next one will be. */
  async offsetsSince(times: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, number>> {
    if (times.size === 0) return new Map();
    return this.#ask(async (session) => {
      const offsets = new Map<number, number>();
      for (const [partition, ms] of times) {
        const found = await session.offsetsAt([partition], ms);
        for (const [one, offset] of found) offsets.set(one, offset);
      }
      return offsets;
    });
  }

  async #ask<Answer>(question: (session: FetchSession) => Promise<Answer>): Promise<Answer> {
    const client = this.#connection.client({ retries: 2 });
    try {
      return await question(await FetchSession.open(client.kafka, this.name));
    } finally {
      client.hangUp();
    }
  }
}
