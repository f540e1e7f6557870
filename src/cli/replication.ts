import { hostname } from 'node:os';
import type { Config } from '../config/options.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { ProducerFollower, type ProducerState } from '../kafka/producer-follower.ts';
import { checkTopic } from '../kafka/topic-check.ts';
import { TopicPlace } from '../kafka/topic-place.ts';
import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { Wal } from '../wal/log.ts';
import { connectionOf } from './kafka-connection.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import type { LaneKeeper } from './lane-gate.ts';

export interface ReplicationOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: KafkaMetrics;
  readonly wal: Wal;
  readonly keeper: LaneKeeper;
  readonly cursor: Cursor;
  readonly events: ReplicationEvents;
}

interface ReplicationEvents {
  /** All up to there is in Kafka. */
  replicated(position: Position): void;
  /** Answers no longer wait for Kafka. */
  unreplicated(): void;
  hole(hole: Hole): void;
}

/** What clients are told until the topic knows of a lane. */
export const UNKNOWN_TO_TOPIC = 'the topic does not know of this stretch of the log yet';

/** Kafka as the proxy sees it: the follower that brings the log to the topic, and what is told of it. */
export class Replication {
  readonly #options: ReplicationOptions;
  readonly #follower: ProducerFollower;
  #lane = '';
  #warnings: readonly string[] = [];
  #refills = 0;
  #isAllowedTold = false;

  private constructor(
    options: ReplicationOptions,
    connection: KafkaConnection,
    { place, warnings }: { readonly place: TopicPlace; readonly warnings: readonly string[] },
  ) {
    this.#options = options;
    this.#warnings = warnings;
    const { config, clock, wal, cursor, events, metrics } = options;
    this.#follower = new ProducerFollower({
      log: wal,
      connection,
      topic: config.kafka.topic.name,
      host: hostname(),
      cursor,
      place,
      clock,
      ackTimeoutMs: config.kafka.ackTimeout,
      events: {
        state: (state) => this.#onState(state),
        acknowledged: (last, sent) => {
          metrics.records.inc(sent.records);
          metrics.points.inc(sent.mutations);
          metrics.bytes.inc(sent.bytes);
          metrics.messages.inc();
          metrics.latency.observe(sent.durationMs / 1_000);
          events.replicated(last);
        },
        registered: (lane) => options.keeper.admit(lane),
        refilling: (reason) => this.#onRefilling(reason),
        hole: (hole) => events.hole(hole),
        unsaved: (error) => options.logger.error({ error }, 'the place of Kafka cannot be written'),
      },
    });
  }

  /** Looks at the topic, and makes it where that is wanted. Throws when the log must not go there; Kafka may be away. */
  static async open(options: ReplicationOptions): Promise<Replication> {
    const { config, logger } = options;
    const connection = await connectionOf(config, logger);
    const place = await TopicPlace.open(config.data, config.kafka.topic.name);
    const check = await checkTopic(connection, config.kafka.topic);
    for (const says of check.told) logger.info({ topic: config.kafka.topic.name }, says);
    for (const says of check.warnings) logger.warn({ topic: config.kafka.topic.name }, says);
    return new Replication(options, connection, { place, warnings: check.warnings });
  }

  get state(): ProducerState {
    return this.#follower.state;
  }

  get acknowledged(): Position | undefined {
    return this.#follower.acknowledged;
  }

  /** What the log need not keep for Kafka. */
  get passed(): Position | undefined {
    return this.#follower.passed;
  }

  get refills(): number {
    return this.#refills;
  }

  get isRegistered(): boolean {
    return this.#options.keeper.isAdmitted;
  }

  /** What works with less than usual, for people. */
  get troubles(): readonly string[] {
    const { state } = this;
    const away = state.kind === 'live' ? [] : [`Kafka is ${state.kind}: ${state.reason}`];
    return [...away, ...this.#warnings];
  }

  opened(position: Position): void {
    this.#lane = position.lane;
    this.#isAllowedTold = false;
    this.#follower.opened(position);
  }

  durable(): void {
    this.#follower.wake();
  }

  degrade(reason: string): void {
    this.#follower.degrade(reason);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#follower.run(signal);
  }

  #onState(state: ProducerState): void {
    const { logger, events } = this.#options;
    if (state.kind === 'live') {
      logger.info('Kafka is up to date');
      return;
    }
    events.unreplicated();
    logger.warn(
      { state: state.kind, reason: state.reason },
      'degraded: answers do not wait for Kafka',
    );
    if (state.kind === 'down') this.#onUnregistered(state.reason);
  }

  /** Kafka is away while a lane waits for its first message. */
  #onUnregistered(reason: string): void {
    const { keeper, config, logger } = this.#options;
    if (keeper.isAdmitted) return;
    if (config.archiver.unregistered === 'refuse') {
      keeper.explainBar(this.#lane, `${UNKNOWN_TO_TOPIC}: ${reason}`);
      return;
    }
    if (!this.#isAllowedTold) {
      logger.warn({ lane: this.#lane, reason }, `writes are taken, though ${UNKNOWN_TO_TOPIC}`);
    }
    this.#isAllowedTold = true;
    keeper.admit(this.#lane);
  }

  #onRefilling(reason: string): void {
    this.#refills += 1;
    this.#options.metrics.refills.inc();
    this.#options.logger.error(
      { topic: this.#options.config.kafka.topic.name, reason },
      'the topic is not the one that was: it gets all that the log still has; what is older is missing from it',
    );
  }
}
