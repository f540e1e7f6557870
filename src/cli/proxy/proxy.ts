import { archivedBefore } from '../../archive/archive-cursor.ts';
import type { Config } from '../../config/options.ts';
import { PrimaryChoice } from '../../follow/primary-choice.ts';
import { PrimaryFacts } from '../../follow/primary-facts.ts';
import type { Primary } from '../../follow/primary.ts';
import { SentBodies } from '../../follow/sent-bodies.ts';
import { type Awaited, DurableWritePath } from '../../ingest/durable-write-path.ts';
import type { Hole } from '../../record/control.ts';
import { earlier, formatPosition, type Position } from '../../record/position.ts';
import { type Clock, untilAborted } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Cursor } from '../../wal/cursor.ts';
import type { RingFrame } from '../../wal/frame-ring.ts';
import { Heartbeat } from '../../wal/heartbeat.ts';
import { LagIndex } from '../../wal/lag.ts';
import type { Wal, WalEvents } from '../../wal/log.ts';
import { Archiving, NOT_REGISTERED } from './archiving.ts';
import { Feeding } from './feeding.ts';
import { KnownHoles } from '../known-holes.ts';
import { LaneGate } from './lane-gate.ts';
import { keepersOf, openWal } from './open-wal.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

import { openTopic, Replication, UNKNOWN_TO_TOPIC } from './replication.ts';
import { sharingOf } from './sharing.ts';

export interface ProxyOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly version: string;
}

const BEAT_MS = 1_000;
const SLOW_CHECK_MS = 100;
const POLL_MS = 20;
/** A stop waits so long for Kafka to get the end of the log; the next start goes on with it. */
const DRAIN_MS_MAX = 3_000;

/**
 * The log, the write path and the primary's follower, tied together. `run` keeps time for them: once a
 * second ticks, cut marks, retention and disk space, more often a look for answers that wait too long.
 */
export class Proxy {
  readonly writePath: DurableWritePath;
  readonly #options: ProxyOptions;
  readonly #metrics: ProxyMetrics;
  readonly #wal: Wal;
  readonly #cursor: Cursor;
  readonly feeding: Feeding;
  /** Undefined when nothing is archived. */
  readonly archiving: Archiving | undefined;
  /** Undefined when there is no Kafka. */
  readonly replication: Replication | undefined;
  readonly #gate: LaneGate;
  readonly #heartbeat: Heartbeat;
  readonly #lag = new LagIndex();
  readonly #holes: KnownHoles;
  readonly #replicating = new AbortController();
  #replicated: Promise<void> | undefined;
  #durableAt = 0;
  #isEnding = false;
  #isRefusalTold = false;

  private constructor(options: ProxyOptions, parts: Parts) {
    const { config, clock } = options;
    this.#options = options;
    this.#metrics = options.metrics;
    this.#wal = parts.wal;
    this.#cursor = parts.cursor;
    this.archiving = parts.archiving;
    this.replication = parts.replication;
    this.#gate = parts.gate;
    this.#holes = new KnownHoles({
      logger: options.logger,
      count: (records) => options.metrics.holes.inc(records),
    });
    this.#heartbeat = new Heartbeat(
      { wal: parts.wal, cutBytes: config.wal.cutBytes, cutIntervalMs: config.wal.cutInterval },
      clock.monotonicMs(),
    );
    const sentBodies = new SentBodies();
    this.writePath = new DurableWritePath({
      wal: parts.wal,
      clock,
      sentBodies,
      ack: config.ack === 'all' ? 'all' : 'wal',
      ...(parts.replication !== undefined &&
        config.ack !== 'wal' && { kafka: awaited(parts.replication, config) }),
      ackTimeoutMs: config.delivery.ackTimeout,
      isLive: () => this.primary.state.kind === 'live',
      onSlow: () => this.primary.degrade('it took too long to answer'),
    });
    for (const segment of parts.wal.segments) {
      const { lane, ordinal, lastSeq, createdAt, bytes } = segment;
      this.#lag.note({ lane, ordinal, seq: lastSeq }, createdAt, bytes);
    }
    this.feeding = new Feeding({
      ...options,
      ...parts,
      sentBodies,
      writePath: this.writePath,
      shared:
        parts.replication &&
        sharingOf({
          ...options,
          ...parts,
          replication: parts.replication,
          lagOf: (one) => this.lagOf(one),
        }),
      isEnding: () => this.#isEnding,
      hole: (hole) => this.onHole(hole),
      moved: () => {
        const passed = this.passed;
        if (passed !== undefined) this.#lag.forget(passed);
      },
    });
  }

  /** Opens the log in `config.data`, which must be locked for this process. */
  static async open(options: ProxyOptions): Promise<Proxy> {
    const { config, clock, logger, metrics } = options;
    const cursor = await Cursor.open(config.data, 'primary');
    const choice = await PrimaryChoice.open(config.data, config.primary, cursor);
    const facts = await PrimaryFacts.open(config.data);
    const kafkaCursor =
      config.kafka.brokers.length > 0 ? await Cursor.open(config.data, 'kafka') : undefined;
    // A start that is refused must not have opened a lane.
    const topic = kafkaCursor && (await openTopic(config, logger));
    // The log needs someone to tell before the proxy that listens can be made.
    let proxy: Proxy | undefined;
    let opened: Position | undefined;
    const events: WalEvents = {
      durable: (frame) => proxy?.onDurable(frame),
      lost: (last) => proxy?.writePath.lost(last, 'the log could not be written'),
      opened: (position, reason) => {
        logger.info({ lane: position.lane, reason }, 'lane opened');
        opened = position;
        proxy?.onOpened(position);
      },
      refusing: (reason) => proxy?.onRefusing(reason),
      expired: ({ path }) => logger.info({ path }, 'a file of the log expired'),
      hindered: (reason) => {
        if (reason !== undefined) logger.error({ reason }, 'expired files of the log stay');
      },
    };
    const known = [cursor.position, kafkaCursor?.position, await archivedBefore(config.data)];
    const wal = await openWal(options, known, events);
    const gate = new LaneGate(wal, keepersOf(config));
    const archiving =
      config.archive === 'on'
        ? new Archiving({
            config,
            clock,
            logger,
            metrics: metrics.archive(),
            wal: gate.keeper('archive'),
          })
        : undefined;
    const replication =
      kafkaCursor && topic
        ? new Replication({
            config,
            clock,
            logger,
            metrics: metrics.kafka(),
            wal,
            keeper: gate.keeper('kafka'),
            cursor: kafkaCursor,
            topic,
            events: {
              replicated: (position) => proxy?.writePath.replicated(position),
              hidden: (first) => proxy?.primary.hidden(first),
              unreplicated: () => proxy?.writePath.unreplicated(),
              hole: (hole) => proxy?.onHole(hole),
            },
          })
        : undefined;
    proxy = new Proxy(options, { wal, cursor, choice, facts, archiving, replication, gate });
    if (opened !== undefined) proxy.onOpened(opened);
    proxy.#reportRecovery();
    return proxy;
  }

  get wal(): Wal {
    return this.#wal;
  }

  get primary(): Primary {
    return this.feeding.primary;
  }

  /** Records of the log that cannot be read back, as this start and the follower have met them. */
  get holes(): readonly Hole[] {
    return this.#holes.list;
  }

  /** Receive time up to which everything received is durable, epoch ms. */
  get durableAt(): number {
    return this.#durableAt;
  }

  lagOf(position: Position | undefined): { seconds: number; bytes: number } {
    return this.#lag.behind(position, this.#wal.now());
  }

  /** Runs until the signal aborts; the log stays open for what is still being answered. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => (this.#isEnding = true), { once: true });
    this.#replicated = this.replication?.run(this.#replicating.signal);
    await Promise.all([
      this.feeding.run(signal),
      Promise.race([this.#replicated, untilAborted(signal)]),
      this.#beat(signal),
      this.#watch(signal),
    ]);
  }

  /** Settles once the lane takes data, or after `msMax`. */
  async untilAdmitted(msMax: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + msMax;
    while (!this.#wal.isAdmitted && !signal.aborted && clock.monotonicMs() < endMs) {
      await clock.sleep(POLL_MS, signal);
    }
  }

  /**
   * Ends the log. Its last record says that the lane ended in order: archivers of the topic then need not wait for the next
   * start with what is before it.
   */
  async close(): Promise<void> {
    await this.#wal.close();
    await this.replication?.drain(this.#wal.durable, DRAIN_MS_MAX);
    this.#replicating.abort();
    await this.#replicated;
  }

  onDurable(frame: RingFrame): void {
    const { lane, ordinal, lastSeq, mutations, firstSeq } = frame;
    const position = { lane, ordinal, seq: lastSeq };
    this.#durableAt = frame.lastReceivedAt;
    this.#metrics.logged.inc(mutations);
    this.#metrics.records.inc(lastSeq - firstSeq + 1);
    this.#lag.note(position, frame.lastReceivedAt, frame.bytes.length);
    this.#heartbeat.note(frame, this.#options.clock.monotonicMs());
    this.writePath.durable(position);
    this.primary.wake();
    this.archiving?.durable();
    this.replication?.durable();
  }

  onOpened(position: Position): void {
    this.#gate.opened(position.lane);
    this.archiving?.opened(position);
    this.replication?.opened(position);
  }

  onHole(hole: Hole): void {
    this.#holes.note(hole, 'records of the log cannot be delivered: they cannot be read');
  }

  /** At the start and at the end it goes without saying. */
  onRefusing(reason: string | undefined): void {
    // A lane that is being registered takes no time worth telling.
    if (this.#isEnding || reason === NOT_REGISTERED || reason === UNKNOWN_TO_TOPIC) return;
    const { logger } = this.#options;
    if (reason !== undefined) {
      logger.error({ reason }, 'the log takes no data: clients are told to try again');
    } else if (this.#isRefusalTold) logger.info('the log takes data again');
    this.#isRefusalTold = reason !== undefined;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const { confirmed } = this.primary;
      this.#heartbeat.beat(
        clock.monotonicMs(),
        confirmed === undefined ? null : formatPosition(confirmed),
      );
      this.archiving?.beat();
      this.replication?.beat();
      await this.#wal.maintain(this.passed);
      await clock.sleep(BEAT_MS, signal);
    }
  }

  /** What no follower needs any more. */
  get passed(): Position | undefined {
    let passed = this.#cursor.position;
    if (this.archiving !== undefined) passed = earlier(passed, this.archiving.position);
    if (this.replication !== undefined) passed = earlier(passed, this.replication.passed);
    return passed;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.writePath.checkSlow();
      await this.#options.clock.sleep(SLOW_CHECK_MS, signal);
    }
  }

  #reportRecovery(): void {
    const { holes, tornBytes, segments, end } = this.#wal.recovered;
    const { logger } = this.#options;
    if (end !== undefined) {
      const last = `${end.lane}/${end.lastSeq}`;
      logger.info(
        { segments: segments.length, last, tornBytes, closed: end.closed },
        'log recovered',
      );
    }
    for (const hole of holes) {
      this.#holes.note(hole, 'the log is damaged: these records cannot be read back');
    }
  }
}

interface Parts {
  readonly wal: Wal;
  readonly cursor: Cursor;
  readonly choice: PrimaryChoice;
  readonly facts: PrimaryFacts;
  readonly archiving: Archiving | undefined;
  readonly replication: Replication | undefined;
  readonly gate: LaneGate;
}

function awaited(replication: Replication, config: Config): Awaited {
  return {
    isLive: () => replication.state.kind === 'live',
    ackTimeoutMs: config.kafka.ackTimeout,
    onSlow: () => replication.degrade('it took too long to answer'),
  };
}
