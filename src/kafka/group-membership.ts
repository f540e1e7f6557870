import type { Consumer } from 'kafkajs';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KafkaClient, KafkaConnection } from './connection.ts';
import { explainFailure } from './failure.ts';

export interface GroupMembershipOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly clock: Clock;
  /** The partitions that are this member's from now on, after each rebalance. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  /** Why this is no member now; undefined when it is one again. Called once a change. */
  readonly onHindered: (reason: string | undefined) => void;
}

const LIMITS = {
  /** Who is silent for so long is a member no longer. */
  sessionMs: 10_000,
  rebalanceMs: 20_000,
  heartbeatMs: 2_000,
  pollMs: 500,
  /** Without a heartbeat for so long the membership is given up: kafkajs may wait without an end on its way back to a broker. */
  silentMsMax: 45_000,
  retries: 5,
  retryMsMin: 200,
  retryMsMax: 5_000,
  /** Leaving in order may take so long. */
  leaveMsMax: 3_000,
} as const;

/**
 * Shares the partitions of a topic with the other members of a group. It only learns which are its own: messages are read by a
 * TopicReader, at places that the group doesn't know. All partitions are paused here, so nothing is fetched twice.
 */
export class GroupMembership {
  readonly #options: GroupMembershipOptions;
  #joined: { readonly consumer: Consumer; readonly client: KafkaClient } | undefined;
  #hindrance: string | undefined;

  constructor(options: GroupMembershipOptions) {
    this.#options = options;
  }

  /** Until the signal aborts, and it has left. */
  async run(signal: AbortSignal): Promise<void> {
    const { connection, clock } = this.#options;
    const { retryMsMin: delayMsMin, retryMsMax: delayMsMax } = LIMITS;
    const backoff = new Backoff({ delayMsMin, delayMsMax, random: Math.random });
    while (!signal.aborted) {
      const client = connection.client({ retries: LIMITS.retries });
      const why = await this.#take(client, signal, () => backoff.reset());
      client.hangUp();
      if (signal.aborted) return;
      this.#tell(why);
      await clock.sleep(backoff.nextMs(), signal);
    }
  }

  /** Leaves offsets to the other members. Rejects when it can't be done, as when this is no member any more. */
  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const { topic } = this.#options;
    if (this.#joined === undefined) throw new Error('this is no member of the group now');
    const { consumer, client } = this.#joined;
    const places = [...offsets].map(([partition, offset]) => {
      return { topic, partition, offset: String(offset) };
    });
    await client.within(consumer.commitOffsets(places));
  }

  /** One membership, until it fails or the signal aborts; returns why it ended. */
  async #take(client: KafkaClient, signal: AbortSignal, onJoined: () => void): Promise<string> {
    const { topic, groupId, onAssigned, clock, connection } = this.#options;
    const { options } = connection;
    const explain = (error: unknown): string => explainFailure(error, { options, topic }).says;
    const over = new AbortController();
    let why = 'the group was left';
    let heardMs = clock.monotonicMs();
    const consumer = client.kafka.consumer({
      groupId,
      sessionTimeout: LIMITS.sessionMs,
      rebalanceTimeout: LIMITS.rebalanceMs,
      heartbeatInterval: LIMITS.heartbeatMs,
      maxWaitTimeInMs: LIMITS.pollMs,
      allowAutoTopicCreation: false,
    });
    consumer.on(consumer.events.HEARTBEAT, () => (heardMs = clock.monotonicMs()));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      heardMs = clock.monotonicMs();
      consumer.pause([{ topic }]);
      onAssigned(payload.memberAssignment[topic] ?? []);
      this.#joined = { consumer, client };
      this.#tell(undefined);
      onJoined();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      // kafkajs would start again by itself after some errors, and not after others.
      why = explain(payload.error);
      over.abort();
    });
    consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => client.hangUp(payload.broker));
    try {
      await client.within(consumer.connect());
      await consumer.subscribe({ topic });
      const joining = consumer.run({ autoCommit: false, eachBatch: async () => undefined });
      await client.within(joining, LIMITS.silentMsMax);
      const until = AbortSignal.any([signal, over.signal]);
      while (!until.aborted) {
        await clock.sleep(LIMITS.sessionMs, until);
        if (clock.monotonicMs() - heardMs < LIMITS.silentMsMax) continue;
        why = 'the group does not answer';
        break;
      }
    } catch (error) {
      why = explain(error);
    }
    this.#joined = undefined;
    const left = new AbortController();
    const leaving = consumer.disconnect().catch(() => undefined);
    await Promise.race([leaving, clock.sleep(LIMITS.leaveMsMax, left.signal)]);
    left.abort();
    return why;
  }

  #tell(reason: string | undefined): void {
    if (reason === this.#hindrance) return;
    this.#hindrance = reason;
    this.#options.onHindered(reason);
  }
}
