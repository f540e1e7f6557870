import { hostname } from 'node:os';
import type { Config } from '../config/options.ts';
import type { ClockVerdict } from '../kafka/clock-offsets.ts';
import { ClockWatch } from '../kafka/clock-watch.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { OtherLanes } from '../kafka/other-lanes.ts';
import { ProducerFollower, type ProducerState } from '../kafka/producer-follower.ts';
import { LOOK_LIMITS } from '../follow/others/look-through.ts';
import { checkTopic } from '../kafka/topic-check.ts';
import { TopicPlace } from '../kafka/topic-place.ts';
import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import type { Term } from '../record/term.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { Wal } from '../wal/log.ts';
import { untilReached } from './until-reached.ts';
import { openConnection } from '../kafka/open-connection.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import { type LaneKeeper, UNKNOWN_TO_TOPIC } from './lane-gate.ts';

export interface ReplicationOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: KafkaMetrics;
  readonly wal: Wal;
  readonly keeper: LaneKeeper;
  readonly cursor: Cursor;
  readonly topic: OpenedTopic;
  /** What other proxies are told of the primary. */
  readonly term: () => Term | undefined;
  readonly events: ReplicationEvents;
}

interface OpenedTopic {
  readonly connection: KafkaConnection;
  readonly place: TopicPlace;
  /** What may cost data one day; undefined while that could not be looked at. */
  readonly warnings: readonly string[] | undefined;
}

export interface ReplicationEvents {
  /** All up to there is in Kafka. */
  replicated(position: Position): void;
  /** What follows from this record on came there so late that other proxies may have looked before. */
  hidden(first: Position): void;
  /** What another proxy says of its primary. */
  heard(term: Term): void;
  /** Answers no longer wait for Kafka. */
  unreplicated(): void;
  hole(hole: Hole): void;
}

const LIMITS = {
  /** The topic has so long to learn of a lane before that counts as a failure. */
  registerMsMax: 3_000,
} as const;

/** Looks at the topic, and makes it where that is wanted. Throws when the log must not go there; Kafka may be away. */
export async function openTopic(config: Config, logger: Logger): Promise<OpenedTopic> {
  const { topic } = config.kafka;
  const connection = await openConnection(config.kafka, logger);
  const place = await TopicPlace.open(config.data, topic.name);
  return { connection, place, warnings: await lookAtTopic(connection, config, logger) };
}

/** Undefined when it can't be done now. */
async function lookAtTopic(
  connection: KafkaConnection,
  { kafka: { topic } }: Config,
  logger: Logger,
): Promise<readonly string[] | undefined> {
  const { told, warnings, failure } = await checkTopic(connection, topic);
  for (const says of told) logger.info({ topic: topic.name }, says);
  for (const says of warnings) logger.warn({ topic: topic.name }, says);
  if (failure === undefined) return warnings;
  logger.warn({ topic: topic.name, reason: failure.says }, 'the topic could not be looked at');
  return undefined;
}

/** Kafka as the proxy sees it: the follower that brings the log to the topic, and what is told of it. */
export class Replication {
  readonly #options: ReplicationOptions;
  readonly #follower: ProducerFollower;
  readonly #others: OtherLanes;
  readonly #clocks: ClockWatch;
  #lane = '';
  #laneRegistered = '';
  #openedMs = 0;
  #warnings: readonly string[] | undefined;
  #refills = 0;
  #isAllowedTold = false;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    const { config, clock, wal, cursor, events, metrics, topic } = options;
    const { connection, place, warnings } = topic;
    this.#warnings = warnings;
    if (place.placeOf !== undefined && place.placeOf !== place.topic) this.#noteRefill();
    this.#others = new OtherLanes({
      connection,
      topic: config.kafka.topic.name,
      clock,
      owns: (lane) => lane === this.#lane || place.knows(lane),
      onTerm: (term) => events.heard(term),
    });
    this.#clocks = new ClockWatch({
      others: this.#others,
      clock,
      boundMs: config.kafka.clockBound,
      ownLane: () => this.#lane,
      onVerdict: (verdict) => this.#onClock(verdict),
    });
    this.#follower = new ProducerFollower({
      log: wal,
      connection,
      topic: config.kafka.topic.name,
      host: hostname(),
      term: options.term,
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
          this.#others.noteOwn(sent.partition, sent.offset);
          const isLate = wal.now() - sent.receivedAt > LOOK_LIMITS.visibleMsMax;
          if (isLate && sent.mutations > 0) {
            events.hidden({ ...last, seq: last.seq - sent.records + 1 });
          }
          events.replicated(last);
        },
        registered: (lane) => {
          this.#laneRegistered = lane;
          options.keeper.admit(lane);
        },
        refilling: (reason) => this.#onRefilling(reason),
        hole: (hole) => events.hole(hole),
        unsaved: (error) => options.logger.error({ error }, 'the place of Kafka cannot be written'),
      },
    });
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

  /** Whether there is a lane being written and the topic knows of it; it may be taking data without. */
  get isRegistered(): boolean {
    return this.#lane !== '' && this.#laneRegistered === this.#lane;
  }

  /** Whether this clock is off from those of other proxies, so that writes should come through these. */
  get isClockOff(): boolean {
    const { verdict } = this.#clocks;
    return verdict.kind === 'differs' && verdict.isOurs;
  }

  /** By how much this clock is ahead of others', where it is furthest off. */
  get clockOffsetMs(): number {
    return this.#clocks.verdict.offsetMs;
  }

  /** What works with less than usual, for people. */
  get troubles(): readonly string[] {
    const { state } = this;
    const away = state.kind === 'live' ? [] : [`Kafka is ${state.kind}: ${state.reason}`];
    const { verdict } = this.#clocks;
    const clock = verdict.kind === 'differs' ? [this.#describe(verdict)] : [];
    const isUnknown = this.#isAllowedTold && !this.isRegistered;
    const unknown = isUnknown ? [`writes are taken, though ${UNKNOWN_TO_TOPIC}`] : [];
    return [...unknown, ...away, ...clock, ...(this.#warnings ?? [])];
  }

  /** What other proxies brought to the topic; closed at the end of `run`. */
  get others(): Pick<OtherLanes, 'read' | 'listen'> {
    return this.#others;
  }

  /** Hears what other proxies said last. Rejects when the topic can't be read. */
  async lookBack(signal: AbortSignal): Promise<void> {
    await this.#others.lookBack(signal);
  }

  opened(position: Position): void {
    this.#lane = position.lane;
    this.#openedMs = this.#options.clock.monotonicMs();
    this.#isAllowedTold = false;
    this.#follower.opened(position);
  }

  durable(): void {
    this.#follower.wake();
  }

  /** Call about once a second: a Kafka that is silent is found to be away by its time-outs only, which are long. */
  beat(): void {
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#openedMs < LIMITS.registerMsMax) return;
    if ('reason' in this.state) this.#onUnregistered(this.state.reason);
  }

  degrade(reason: string): void {
    this.#follower.degrade(reason);
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.#follower.run(signal), this.#clocks.run(signal)]);
    } finally {
      this.#others.close();
    }
  }

  /** Settles once Kafka has all up to `last`, or after `msMax`, or when it can't be reached. */
  async drain(last: Position, msMax: number): Promise<void> {
    await untilReached(last, {
      clock: this.#options.clock,
      msMax,
      position: () => this.acknowledged,
      goesOn: () => this.state.kind !== 'down',
    });
  }

  #onClock(verdict: ClockVerdict): void {
    const { logger } = this.#options;
    if (verdict.kind === 'differs') logger.error(this.#describe(verdict));
    else logger.info('the clocks of the proxies agree');
  }

  #describe({ offsetMs, host, isOurs }: Extract<ClockVerdict, { kind: 'differs' }>): string {
    const { clockBound } = this.#options.config.kafka;
    const way = offsetMs > 0 ? 'ahead of' : 'behind';
    const off = `this clock is ${Math.round(Math.abs(offsetMs))} ms ${way} that of the proxy on ${host}, ${clockBound} ms are allowed`;
    const then = isOurs ? 'this proxy is not ready' : 'that proxy is not ready';
    return `${off}: ${then} until both follow one time (chronyc tracking, timedatectl)`;
  }

  #onState(state: ProducerState): void {
    const { logger, events } = this.#options;
    if (state.kind === 'live') {
      logger.info('Kafka is up to date');
      if (this.#warnings === undefined) void this.#lookLate();
      return;
    }
    events.unreplicated();
    logger.warn(
      { state: state.kind, reason: state.reason },
      'degraded: answers do not wait for Kafka',
    );
    if (state.kind === 'down') this.#onUnregistered(state.reason);
  }

  /** What would have stopped the start is a trouble now. */
  async #lookLate(): Promise<void> {
    const { config, logger, topic } = this.#options;
    try {
      this.#warnings = await lookAtTopic(topic.connection, config, logger);
    } catch (error) {
      const { message } = error as Error;
      logger.error({ topic: config.kafka.topic.name, error: message }, 'the topic is not fit');
      this.#warnings = [message];
    }
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

  #noteRefill(): void {
    this.#refills += 1;
    this.#options.metrics.refills.inc();
  }

  #onRefilling(reason: string): void {
    this.#noteRefill();
    this.#others.forget();
    this.#options.logger.error(
      { topic: this.#options.config.kafka.topic.name, reason },
      'the topic is not the one that was: it gets all that the log still has; what is older is missing from it',
    );
  }
}
