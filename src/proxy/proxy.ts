import type { Config } from '../config/options.ts';
import type { Primary } from '../follow/primary.ts';
import { SentBodies } from '../follow/deliver/sent-bodies.ts';
import { type Awaited, DurableWritePath } from '../ingest/write-path/durable-write-path.ts';
import type { Hole } from '../record/control.ts';
import { earlier, formatPosition, type Position } from '../record/position.ts';
import { untilAborted } from '../runtime/clock.ts';
import { writeClosedMark } from '../wal/closed-mark.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { RingFrame } from '../wal/frame-ring.ts';
import { CutMarks } from '../wal/cut-marks.ts';
import { LagIndex } from '../wal/lag.ts';
import { Ticks } from '../wal/ticks.ts';
import type { Wal, WalEvents } from '../wal/log.ts';
import type { Archiving } from './archiving.ts';
import type { Elsewhere } from './elsewhere.ts';
import { Feeding } from './feeding.ts';
import type { LaneGate } from './lane-gate.ts';
import { LogReport } from './log-report.ts';
import { openParts, type Parts, type PartsOptions } from './open-parts.ts';
import type { Replication, ReplicationEvents } from './replication.ts';
import { sharingOf } from './sharing.ts';
import type { Unarchived } from './unarchived.ts';

const BEAT_MS = 1_000;
/** What a person changes by hand is looked at every so many beats. */
const ELSEWHERE_BEATS = 5;
const POLL_MS = 20;
/** A stop waits so long for Kafka to get the end of the log; the next start goes on with it. */
const DRAIN_MS_MAX = 3_000;

/**
 * The log, the write path and the primary's follower, tied together. `run` keeps time for them: once a
 * second ticks, cut marks, retention and disk space, more often a look for answers that wait too long.
 */
export class Proxy {
  readonly writePath: DurableWritePath;
  readonly #options: PartsOptions;
  readonly #wal: Wal;
  readonly #cursor: Cursor;
  readonly feeding: Feeding;
  /** Undefined when nothing is archived. */
  readonly archiving: Archiving | undefined;
  readonly unarchived: Unarchived;
  readonly elsewhere: Elsewhere;
  /** Undefined when there is no Kafka. */
  readonly replication: Replication | undefined;
  readonly #gate: LaneGate;
  readonly #ticks: Ticks;
  readonly #cutMarks: CutMarks;
  readonly #lag = new LagIndex();
  readonly #report: LogReport;
  readonly #replicating = new AbortController();
  #replicated: Promise<void> | undefined;
  #durableAt = 0;
  #isEnding = false;

  private constructor(options: PartsOptions, parts: ReportedParts) {
    const { config, clock } = options;
    this.#options = options;
    this.#wal = parts.wal;
    this.#cursor = parts.cursor;
    this.archiving = parts.archiving;
    this.unarchived = parts.unarchived;
    this.elsewhere = parts.elsewhere;
    this.replication = parts.replication;
    this.#gate = parts.gate;
    this.#report = parts.report;
    this.#ticks = new Ticks(parts.wal);
    this.#cutMarks = new CutMarks(
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
      onUnlogged: () => this.primary.again('what it refused could not be logged'),
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
          undone: parts.choice.undone,
          lagOf: (one) => this.lagOf(one),
        }),
      isEnding: () => this.#isEnding,
      hole: (hole) => parts.report.unreadable(hole),
      moved: () => {
        const passed = this.passed;
        if (passed !== undefined) this.#lag.forget(passed);
      },
    });
  }

  /** Opens the log in `config.data`, which must be locked for this process. */
  static async open(options: PartsOptions): Promise<Proxy> {
    const report = new LogReport(options);
    // The log needs someone to tell before the proxy that listens can be made.
    let proxy: Proxy | undefined;
    let opened: Position | undefined;
    const walEvents: WalEvents = {
      durable: (frame) => proxy?.onDurable(frame),
      lost: (last) => proxy?.writePath.lost(last, 'the log could not be written'),
      opened: (position, reason, disputed) => {
        report.opened(position, reason, disputed);
        opened = position;
        proxy?.onOpened(position);
      },
      // Of a start it is told below, and at the end it goes without saying.
      refusing: (reason) => {
        if (proxy !== undefined && !proxy.#isEnding) report.refusing(reason);
      },
      expired: (file) => report.expired(file),
      hindered: (reason) => report.hindered(reason),
    };
    const replicationEvents: ReplicationEvents = {
      replicated: (position) => proxy?.writePath.replicated(position),
      hidden: (first) => proxy?.primary.hidden(first),
      heard: (term) => proxy?.feeding.hear(term),
      unreplicated: () => proxy?.writePath.unreplicated(),
      hole: (hole) => report.unreadable(hole),
    };
    const events = { wal: walEvents, replication: replicationEvents };
    const parts = await openParts(options, events);
    proxy = new Proxy(options, { ...parts, report });
    if (opened !== undefined) proxy.onOpened(opened);
    report.recovered(parts.wal.recovered);
    report.refusing(parts.wal.refusal);
    return proxy;
  }

  get wal(): Wal {
    return this.#wal;
  }

  get primary(): Primary {
    return this.feeding.primary;
  }

  get holes(): readonly Hole[] {
    return this.#report.holes;
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
      this.writePath.watch(signal),
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
    const end = await this.#wal.close();
    if (end !== undefined) await writeClosedMark(this.#options.config.data, end);
    await this.replication?.drain(this.#wal.durable, DRAIN_MS_MAX);
    this.#replicating.abort();
    await this.#replicated;
  }

  onDurable(frame: RingFrame): void {
    const { lane, ordinal, lastSeq, mutations, firstSeq } = frame;
    const position = { lane, ordinal, seq: lastSeq };
    this.#durableAt = frame.lastReceivedAt;
    const { metrics, clock } = this.#options;
    metrics.logged.inc(mutations);
    metrics.records.inc(lastSeq - firstSeq + 1);
    this.#lag.note(position, frame.lastReceivedAt, frame.bytes.length);
    const nowMs = clock.monotonicMs();
    this.#ticks.note(frame, nowMs);
    this.#cutMarks.note(frame, nowMs);
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

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let beats = 0; !signal.aborted; beats += 1) {
      const { confirmed } = this.primary;
      const nowMs = clock.monotonicMs();
      this.#ticks.beat(nowMs, confirmed === undefined ? null : formatPosition(confirmed));
      this.#cutMarks.beat(nowMs);
      this.archiving?.beat();
      this.replication?.beat();
      await this.unarchived.look();
      if (beats % ELSEWHERE_BEATS === 0) await this.elsewhere.look();
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
}

interface ReportedParts extends Parts {
  readonly report: LogReport;
}

function awaited(replication: Replication, config: Config): Awaited {
  return {
    isLive: () => replication.state.kind === 'live',
    ackTimeoutMs: config.kafka.ackTimeout,
    onSlow: () => replication.degrade('it took too long to answer'),
  };
}
