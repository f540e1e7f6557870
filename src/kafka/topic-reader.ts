import type { TopicRead } from '../record/topic-read.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KafkaConnection } from './connection.ts';
import { explainFailure } from './failure.ts';
import { type FetchedPartition, FetchSession, OffsetGone } from './fetch-session.ts';
import { fetchWaitMs, LIVELY_WAIT_MS } from './fetch-wait.ts';
import { ReadQueue } from './read-queue.ts';
import { decodeMessage } from './topic-frame.ts';

export interface TopicReaderOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly clock: Clock;
  /**
   * Where to begin: the offset of the next message, by partition. Partitions that aren't named are not read; absent: all of
   * them, also later ones, each from its oldest message.
   */
  readonly from?: ReadonlyMap<number, number>;
  /** Bytes of bodies that are read ahead. */
  readonly aheadBytesMax?: number;
  /** A fetch may wait so long in the broker where nothing has come for a while; what `seek` asks for waits after it. */
  readonly idleWaitMsMax?: number;
  /** Why nothing can be read now; undefined when it can again. Called once a change. */
  readonly onHindered?: (reason: string | undefined) => void;
}

const LIMITS = {
  aheadBytesMax: 8 * 1_048_576,
  fetch: { partitionBytesMax: 1_048_576, bytesMax: 4 * 1_048_576 },
  /** Without partitions it is looked so often whether it has some. */
  unassignedMs: 500,
  retryMsMin: 100,
  retryMsMax: 2_000,
  /** New partitions are looked for so often. */
  refreshMs: 30_000,
} as const;

/**
 * Reads frames of a topic: each partition in its order, from places that are the reader's own. It goes on for ever, over
 * outages and broker changes; what it was given once it gives again only after `seek`. Repeats that are in the topic
 * itself are the caller's to drop, by lane and sequence.
 */
export class TopicReader {
  readonly #options: TopicReaderOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** The next offset to fetch. */
  readonly #fetched: Map<number, number>;
  /** The next offset to give. */
  readonly #given: Map<number, number>;
  readonly #ends = new Map<number, number>();
  /** When the brokers last said what there is of a partition; monotonic ms. */
  readonly #answered = new Map<number, number>();
  /** When something last came of a partition; monotonic ms. */
  readonly #came = new Map<number, number>();
  readonly #startedMs: number;
  readonly #queue: ReadQueue;
  /** What was asked for before a seek is dropped. */
  #generation = 0;
  #hindrance: string | undefined;

  constructor(options: TopicReaderOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#queue = new ReadQueue(options.aheadBytesMax ?? LIMITS.aheadBytesMax);
    this.#fetched = new Map(options.from);
    this.#given = new Map(options.from);
    this.#running = this.#run();
  }

  /** The next read; undefined once the reader is closed, or the signal aborts. */
  async next(signal?: AbortSignal): Promise<TopicRead | undefined> {
    const closing = this.#closing.signal;
    await this.#queue.untilFilled(signal === undefined ? [closing] : [closing, signal]);
    return this.poll();
  }

  /** The next read if it is there already. */
  poll(): TopicRead | undefined {
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    this.#given.set(queued.partition, queued.nextOffset);
    return queued.read;
  }

  /** The offset of the next message that will be given, by partition. */
  get positions(): ReadonlyMap<number, number> {
    return this.#given;
  }

  /** The offset up to which there is nothing more to give than what waits to be given, by partition. */
  get fetched(): ReadonlyMap<number, number> {
    return this.#fetched;
  }

  /** The offset after the last message, as the brokers last said, by partition. */
  get ends(): ReadonlyMap<number, number> {
    return this.#ends;
  }

  /**
   * When the brokers last said that there is nothing of the partition after what was given, monotonic ms; undefined while
   * there is more, or that isn't known.
   */
  emptyAtMs(partition: number): number | undefined {
    const end = this.#ends.get(partition);
    if (end === undefined || (this.#fetched.get(partition) ?? 0) < end) return undefined;
    if (this.#queue.holds(partition)) return undefined;
    return this.#answered.get(partition);
  }

  /** Goes on from there in these partitions; others stay where they are. */
  seek(positions: ReadonlyMap<number, number>): void {
    this.#generation += 1;
    this.#queue.clear();
    for (const [partition, offset] of [...this.#given, ...positions]) {
      this.#given.set(partition, offset);
      this.#fetched.set(partition, offset);
    }
  }

  /** Reads these partitions only, of those that it reads. */
  keep(partitions: readonly number[]): void {
    for (const partition of this.#fetched.keys()) {
      if (partitions.includes(partition)) continue;
      this.#fetched.delete(partition);
      this.#given.delete(partition);
      this.#ends.delete(partition);
      this.#came.delete(partition);
    }
    this.seek(this.#given);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { retryMsMin: delayMsMin, retryMsMax: delayMsMax } = LIMITS;
    const backoff = new Backoff({ delayMsMin, delayMsMax, random: Math.random });
    while (!this.#closing.signal.aborted) {
      try {
        await this.#read(() => backoff.reset());
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        const { connection, topic } = this.#options;
        const { says } = explainFailure(error, { options: connection.options, topic });
        this.#tellHindrance(says);
        await clock.sleep(backoff.nextMs(), this.#closing.signal);
      }
    }
  }

  /** Reads over one set of connections, until something fails. */
  async #read(onRead: () => void): Promise<void> {
    const { connection, topic } = this.#options;
    const client = connection.client({ retries: 0 });
    const hangUp = (): void => client.hangUp();
    this.#closing.signal.addEventListener('abort', hangUp, { once: true });
    try {
      const session = await FetchSession.open(client, topic);
      while (!this.#closing.signal.aborted) {
        await this.#place(session);
        try {
          await this.#fetchAll(session, onRead);
        } catch (error) {
          if (!(error instanceof OffsetGone)) throw error;
          await this.#passLost(session, error.partition);
        }
        await session.refresh();
      }
    } finally {
      this.#closing.signal.removeEventListener('abort', hangUp);
      client.hangUp();
    }
  }

  /** Where all partitions are read, those that are new are read from their beginning. */
  async #place(session: FetchSession): Promise<void> {
    if (this.#options.from !== undefined) return;
    const added = session.partitions().filter((partition) => !this.#fetched.has(partition));
    if (added.length === 0) return;
    for (const [partition, { low }] of await session.ranges(added)) {
      this.#fetched.set(partition, low);
      this.#given.set(partition, low);
    }
  }

  /** Fetches from each leader in a loop of its own, until it is time to ask again who leads, or one of them fails. */
  async #fetchAll(session: FetchSession, onRead: () => void): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + LIMITS.refreshMs;
    const failure = new AbortController();
    const over = AbortSignal.any([failure.signal, this.#closing.signal]);
    const loops = [...session.leaders()].map(async ([nodeId, partitions]) => {
      // Of the answer before, which told what there is; without one the next is asked for at once.
      let known: number | undefined;
      try {
        while (!over.aborted && clock.monotonicMs() < endMs) {
          const isKnown = known === this.#generation;
          known = await this.#fetch(session, { nodeId, partitions, isKnown, endMs }, over);
          this.#tellHindrance(undefined);
          onRead();
        }
      } catch (error) {
        failure.abort();
        throw error;
      }
    });
    // All of them: one that goes on would fetch the same as the next session does.
    const ends = await Promise.allSettled(loops);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** The generation that it was for; undefined when there was nothing to ask for. */
  async #fetch(
    session: FetchSession,
    { nodeId, partitions, isKnown, endMs }: Asked,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    await this.#queue.untilRoom(signal);
    const generation = this.#generation;
    const offsets = new Map(
      [...this.#fetched].filter(([partition]) => partitions.includes(partition)),
    );
    if (offsets.size === 0) {
      await this.#options.clock.sleep(LIMITS.unassignedMs, signal);
      return undefined;
    }
    const waitMs = isKnown ? this.#waitMs(offsets.keys(), endMs) : 0;
    const fetched = await session.fetch(nodeId, offsets, { ...LIMITS.fetch, waitMs });
    if (generation === this.#generation) for (const one of fetched) this.#take(one);
    return generation;
  }

  #waitMs(partitions: Iterable<number>, endMs: number): number {
    const { clock, connection, idleWaitMsMax = LIVELY_WAIT_MS } = this.#options;
    const nowMs = clock.monotonicMs();
    let cameMs = this.#startedMs;
    for (const one of partitions) cameMs = Math.max(cameMs, this.#came.get(one) ?? cameMs);
    return fetchWaitMs({
      silentMs: nowMs - cameMs,
      msMax: idleWaitMsMax,
      requestTimeoutMs: connection.options.requestTimeout,
      restMs: endMs - nowMs,
    });
  }

  #take({ partition, messages, nextOffset, high }: FetchedPartition): void {
    this.#ends.set(partition, high);
    const nowMs = this.#options.clock.monotonicMs();
    this.#answered.set(partition, nowMs);
    if (messages.length > 0) this.#came.set(partition, nowMs);
    for (const message of messages) {
      const { offset, value } = message;
      const decoded = decodeMessage(partition, message);
      const read: TopicRead =
        decoded.kind === 'foreign'
          ? { kind: 'foreign', partition, offset, reason: decoded.reason }
          : decoded;
      this.#queue.push({ partition, nextOffset: offset + 1, bytes: value?.length ?? 0, read });
    }
    this.#fetched.set(partition, nextOffset);
  }

  /** Tells what is gone, and goes on with the oldest message there is. */
  async #passLost(session: FetchSession, partition: number): Promise<void> {
    const from = this.#fetched.get(partition) ?? 0;
    const { low, high } = (await session.ranges([partition])).get(partition) ?? { low: 0, high: 0 };
    if (from >= low && from <= high) return;
    this.#fetched.set(partition, low);
    const read = { kind: 'lost', partition, from, to: low } as const;
    this.#queue.push({ partition, nextOffset: low, bytes: 0, read });
  }

  #tellHindrance(reason: string | undefined): void {
    if (reason === this.#hindrance) return;
    this.#hindrance = reason;
    this.#options.onHindered?.(reason);
  }
}

interface Asked {
  readonly nodeId: string;
  readonly partitions: readonly number[];
  /** Whether it is known what there is now. */
  readonly isKnown: boolean;
  /** When it is asked again who leads what; monotonic ms. */
  readonly endMs: number;
}
