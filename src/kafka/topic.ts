import type { KafkaClient, KafkaConnection } from './connection.ts';
import { WalError } from '../runtime/errors.ts';
import { explainFailure } from './failure.ts';
import { FetchSession, type OffsetRange } from './fetch-session.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';

interface Kept {
  readonly client: KafkaClient;
  readonly session: FetchSession;
}

/** Asks where a topic stands, one question at a time, over connections of its own for each question, or over such as it keeps. */
export class Topic {
  readonly name: string;
  readonly #connection: KafkaConnection;
  #keeps: boolean;
  #kept: Kept | undefined;
  readonly #questions = new SerialQueue();

  /** One that keeps its connections must be closed. */
  constructor(
    connection: KafkaConnection,
    name: string,
    { keeps = false }: { readonly keeps?: boolean } = {},
  ) {
    this.#connection = connection;
    this.name = name;
    this.#keeps = keeps;
  }

  /** Of every partition. Throws KAFKA_UNREACHABLE, as all questions do. */
  async ranges(): Promise<ReadonlyMap<number, OffsetRange>> {
    return this.#ask((session) => session.ranges(session.partitions()));
  }

  /** The first message that is as new as a time, epoch ms, or newer; where there is none, where the next one will be. */
  async offsetsAt(ms: number): Promise<ReadonlyMap<number, number>> {
    return this.#ask((session) => session.offsetsAt(session.partitions(), ms));
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

  /** What a consumer group has left of each partition; without those of which it has left nothing. */
  async committed(groupId: string): Promise<ReadonlyMap<number, number>> {
    return this.#ask((session) => session.committed(groupId));
  }

  /** A later question has connections of its own, as if nothing were kept. */
  close(): void {
    this.#keeps = false;
    this.#drop();
  }

  #drop(): void {
    this.#kept?.client.hangUp();
    this.#kept = undefined;
  }

  #ask<Answer>(question: (session: FetchSession) => Promise<Answer>): Promise<Answer> {
    return this.#questions.run(() => this.#try(question));
  }

  async #try<Answer>(question: (session: FetchSession) => Promise<Answer>): Promise<Answer> {
    const kept = this.#kept;
    if (kept !== undefined) {
      try {
        // Partitions may have been added, or have another leader.
        await kept.session.refresh();
        return await question(kept.session);
      } catch {
        // Its connections may be dead by now; new ones tell whether the topic can't be asked.
        this.#drop();
      }
    }
    const client = this.#connection.client({ retries: RETRIES });
    try {
      const session = await FetchSession.open(client, this.name);
      const answer = await question(session);
      if (this.#keeps) this.#kept = { client, session };
      else client.hangUp();
      return answer;
    } catch (cause) {
      client.hangUp();
      const { options } = this.#connection;
      const { says } = explainFailure(cause, { options, topic: this.name });
      throw new WalError('KAFKA_UNREACHABLE', says, { cause });
    }
  }
}

const RETRIES = 2;
