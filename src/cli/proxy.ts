import { join } from 'node:path';
import { archivedBefore } from '../archive/archive-cursor.ts';
import type { Config } from '../config/options.ts';
import { DeadLetters } from '../follow/dead-letters.ts';
import type { RefusedPoint } from '../follow/delivery-options.ts';
import type { FollowerState } from '../follow/follower.ts';
import { PrimaryFacts } from '../follow/primary-facts.ts';
import { Primary, type PrimaryEvents } from '../follow/primary.ts';
import type { Suspect } from '../follow/suspects.ts';
import { DurableWritePath } from '../ingest/durable-write-path.ts';
import type { Hole } from '../record/control.ts';
import { earlier, formatPosition, type Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Cursor } from '../wal/cursor.ts';
import type { RingFrame } from '../wal/frame-ring.ts';
import { Heartbeat } from '../wal/heartbeat.ts';
import { LagIndex } from '../wal/lag.ts';
import { Wal, type WalEvents } from '../wal/log.ts';
import { Archiving, NOT_REGISTERED } from './archiving.ts';
import { KnownHoles } from './known-holes.ts';
import { type ProxyMetrics, timedSink } from './proxy-metrics.ts';

export interface ProxyOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly version: string;
}

const BEAT_MS = 1_000;
const SLOW_CHECK_MS = 100;

/**
 * The log, the write path and the primary's follower, tied together. `run` keeps time for them: once a
 * second ticks, cut marks, retention and disk space, more often a look for answers that wait too long.
 */
export class Proxy {
  readonly writePath: DurableWritePath;
  readonly #options: ProxyOptions;
  readonly #metrics: ProxyMetrics;
  readonly #wal: Wal;
  readonly #primary: Primary;
  readonly #cursor: Cursor;
  readonly #facts: PrimaryFacts;
  readonly #deadLetters: DeadLetters;
  /** Undefined when nothing is archived. */
  readonly archiving: Archiving | undefined;
  readonly #heartbeat: Heartbeat;
  readonly #lag = new LagIndex();
  readonly #holes: KnownHoles;
  /** Why the cursor could not be written the last time. */
  #cursorError: string | undefined;
  #durableAt = 0;
  #isEnding = false;
  #isRefusalTold = false;

  private constructor(options: ProxyOptions, parts: Parts) {
    const { config, clock } = options;
    this.#options = options;
    this.#metrics = options.metrics;
    this.#wal = parts.wal;
    this.#cursor = parts.cursor;
    this.#facts = parts.facts;
    this.archiving = parts.archiving;
    this.#deadLetters = new DeadLetters(config.data);
    this.#holes = new KnownHoles({
      logger: options.logger,
      count: (records) => options.metrics.holes.inc(records),
    });
    this.#heartbeat = new Heartbeat(
      { wal: parts.wal, cutBytes: config.wal.cutBytes, cutIntervalMs: config.wal.cutInterval },
      clock.monotonicMs(),
    );
    this.writePath = new DurableWritePath({
      wal: parts.wal,
      clock,
      ack: config.ack === 'all' ? 'all' : 'wal',
      ackTimeoutMs: config.delivery.ackTimeout,
      isLive: () => this.#primary.state.kind === 'live',
      onSlow: () => this.#primary.degrade('it took too long to answer'),
    });
    for (const segment of parts.wal.segments) {
      const { lane, ordinal, lastSeq, createdAt, bytes } = segment;
      this.#lag.note({ lane, ordinal, seq: lastSeq }, createdAt, bytes);
    }
    this.#primary = new Primary({
      primary: new URL(config.primary),
      wal: parts.wal,
      clock,
      cursor: parts.cursor,
      facts: parts.facts,
      ackTimeoutMs: config.delivery.ackTimeout,
      requestTimeoutMs: config.delivery.requestTimeout,
      syncTimeoutMs: config.delivery.syncTimeout,
      healWindowMs: config.delivery.healWindow,
      batchPointsMax: config.delivery.batchPointsMax,
      batchBytesMax: config.delivery.batchBytesMax,
      events: this.#primaryEvents(),
    });
  }

  /** Opens the log in `config.data`, which must be locked for this process. */
  static async open(options: ProxyOptions): Promise<Proxy> {
    const { config, clock, version, logger, metrics } = options;
    const cursor = await Cursor.open(config.data, 'primary');
    const facts = await PrimaryFacts.open(config.data);
    // The log needs someone to tell before the proxy that listens can be made.
    let proxy: Proxy | undefined;
    let opened: Position | undefined;
    const events: WalEvents = {
      durable: (frame) => proxy?.onDurable(frame),
      lost: (last) => proxy?.writePath.lost(last, 'the log could not be written'),
      opened: (position, reason) => {
        logger.info({ lane: position.lane, reason }, 'lane opened');
        opened = position;
        proxy?.archiving?.opened(position);
      },
      refusing: (reason) => proxy?.onRefusing(reason),
      expired: ({ path }) => logger.info({ path }, 'a file of the log expired'),
      hindered: (reason) => {
        if (reason !== undefined) logger.error({ reason }, 'expired files of the log stay');
      },
    };
    const wal = await Wal.open({
      directory: join(config.data, 'wal'),
      clock,
      version,
      segmentBytes: config.wal.segmentBytes,
      memoryBytes: config.wal.memoryBytes,
      bytesMax: config.wal.bytesMax,
      freeBytesMin: config.wal.freeBytesMin,
      retentionMs: config.wal.retention,
      events,
      known: [cursor.position, await archivedBefore(config.data)].filter(
        (one) => one !== undefined,
      ),
      openSink: timedSink((seconds) => metrics.sync.observe(seconds)),
      ...(config.archive === 'on' && { barredAtFirst: NOT_REGISTERED }),
    });
    const archiving =
      config.archive === 'on'
        ? new Archiving({ config, clock, logger, metrics: metrics.archive(), wal })
        : undefined;
    proxy = new Proxy(options, { wal, cursor, facts, archiving });
    if (opened !== undefined) archiving?.opened(opened);
    proxy.#reportRecovery();
    return proxy;
  }

  get wal(): Wal {
    return this.#wal;
  }

  get primary(): Primary {
    return this.#primary;
  }

  /** Records of the log that cannot be read back, as this start and the follower have met them. */
  get holes(): readonly Hole[] {
    return this.#holes.list;
  }

  get deadLetters(): number {
    return this.#deadLetters.count;
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
    await Promise.all([this.#primary.run(signal), this.#beat(signal), this.#watch(signal)]);
  }

  /** Ends the log. */
  async close(): Promise<void> {
    await this.#wal.close();
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
    this.#primary.wake();
    this.archiving?.durable();
  }

  /** At the start and at the end it goes without saying. */
  onRefusing(reason: string | undefined): void {
    // A lane that is being registered takes no time worth telling.
    if (this.#isEnding || reason === NOT_REGISTERED) return;
    const { logger } = this.#options;
    if (reason !== undefined) {
      logger.error({ reason }, 'the log takes no data: clients are told to try again');
    } else if (this.#isRefusalTold) logger.info('the log takes data again');
    this.#isRefusalTold = reason !== undefined;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const { confirmed } = this.#primary;
      this.#heartbeat.beat(
        clock.monotonicMs(),
        confirmed === undefined ? null : formatPosition(confirmed),
      );
      this.archiving?.beat();
      await this.#wal.maintain(this.#passed());
      await clock.sleep(BEAT_MS, signal);
    }
  }

  /** What no follower needs any more. */
  #passed(): Position | undefined {
    const { position } = this.#cursor;
    return this.archiving === undefined ? position : earlier(position, this.archiving.position);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.writePath.checkSlow();
      await this.#options.clock.sleep(SLOW_CHECK_MS, signal);
    }
  }

  #primaryEvents(): PrimaryEvents {
    const { logger } = this.#options;
    return {
      delivered: (last, refused) => this.#onDelivered(last, refused),
      rejected: (suspects) => this.#onRejected(suspects),
      mended: (points) => this.#metrics.mended.inc(points),
      answered: (points, durationMs) => {
        this.#metrics.delivered.inc(points);
        this.#metrics.upstream.observe(durationMs / 1_000);
      },
      state: (state) => this.#onState(state),
      resumed: (reason) => {
        this.#metrics.resumes.inc();
        logger.warn({ reason }, 'delivering again from the last confirmed record');
      },
      stored: (position) => this.writePath.stored(position),
      confirmed: (position) => this.#onConfirmed(position),
      reached: (facts) => {
        logger.info({ ...facts, primary: this.#options.config.primary }, 'primary reached');
        void this.#facts.learn(facts);
      },
      hole: (hole) =>
        this.#holes.note(hole, 'records of the log cannot be delivered: they cannot be read'),
    };
  }

  #onDelivered(
    last: Position | undefined,
    refused: readonly RefusedPoint[],
  ): readonly RefusedPoint[] {
    return this.writePath.delivered(last, refused);
  }

  /** On a disk that takes no more, the place stays: a restart then delivers again from an earlier one. */
  async #onConfirmed(position: Position): Promise<void> {
    try {
      await this.#cursor.move(position);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#cursorError) {
        const told = 'the place of the primary cannot be written';
        this.#options.logger.error({ error: message }, told);
      }
      this.#cursorError = message;
      return;
    }
    this.#cursorError = undefined;
    this.writePath.confirmed(position);
    const passed = this.#passed();
    if (passed !== undefined) this.#lag.forget(passed);
  }

  /** Acknowledged, and refused for good: written down first, then in the log, so that restores leave them out. */
  async #onRejected(suspects: readonly Suspect[]): Promise<void> {
    await this.#deadLetters.write(suspects, this.#wal.now());
    this.#metrics.deadLetters.inc(suspects.length);
    const isDurable = await this.writePath.logRefused(suspects);
    if (!isDurable) throw new Error(this.#wal.refusal ?? 'the log is behind');
    const [first] = suspects;
    this.#options.logger.error(
      { points: suspects.length, error: first?.error, line: first?.line },
      'the primary refuses acknowledged points for good: see dead-letters/',
    );
  }

  #onState(state: FollowerState): void {
    const { logger } = this.#options;
    if (state.kind === 'live') {
      logger.info('the primary is up to date');
      return;
    }
    this.writePath.degraded();
    if (this.#isEnding) return;
    logger.warn(
      { state: state.kind, reason: state.reason },
      'degraded: answers do not wait for the primary',
    );
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
  readonly facts: PrimaryFacts;
  readonly archiving: Archiving | undefined;
}
