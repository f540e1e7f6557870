import { randomBytes } from 'node:crypto';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Control, formatControl, type Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import type { RecordTransport } from '../record/record.ts';
import type { Clock } from '../runtime/clock.ts';
import { DurablePublisher } from './durable-publisher.ts';
import { FrameRing, type RingFrame } from './frame-ring.ts';
import { LaneWriter } from './lane-writer.ts';
import { type Leap, ReceiveClock } from './receive-clock.ts';
import { recoverLog, type RecoveredLog, type Segment } from './recovery.ts';
import { expiredSegments } from './retention.ts';
import type { SegmentLink } from './segment-file.ts';
import { openSyncedSink, type OpenSink } from './segment-writer.ts';

export interface WalOptions {
  /** The folder of the segment files; made when absent. */
  readonly directory: string;
  readonly clock: Clock;
  readonly version: string;
  readonly segmentBytes: number;
  /** How much of the newest part stays in memory for followers. */
  readonly memoryBytes: number;
  /** Beyond this, and when the disk has less than `freeBytesMin` left, data is refused. */
  readonly bytesMax: number;
  readonly freeBytesMin: number;
  readonly retentionMs: number;
  readonly events: WalEvents;
  readonly openSink?: OpenSink;
}

export interface WalEvents {
  /** All up to the end of this frame is durable. In log order. */
  durable(frame: RingFrame): void;
  /** What this lane was given after `last` is not durable, and never will be. */
  lost(last: Position): void;
  /** A lane is open for appends. */
  opened(position: Position, reason: OpenReason): void;
  /** The log stopped taking data, or takes it again. Called once a change. */
  refusing(reason: string | undefined): void;
}

type OpenReason = (Control & { kind: 'open' })['reason'];

const REOPEN_MS = 1_000;

/**
 * The write-ahead log: every accepted write, in one order, durable before it is answered.
 *
 * Guarantee: a record is durable when `durable` has passed it. It is then found by every later start, in
 * the order of its sequence, or its range is reported as a hole; it never vanishes in silence.
 *
 * One run of the process writes one lane; a failed write and a leap of the wall clock end the lane and
 * open the next, whose first record closes the one before. Records of a lane after its last durable one
 * were never acknowledged, and readers don't see them.
 *
 * Crash between append and write: the record is gone, nobody was told otherwise. During the write: the
 * frame is torn, and cut off at the next start. After it: the record is there.
 */
export class Wal {
  readonly #options: WalOptions;
  readonly #ring: FrameRing;
  readonly #time: ReceiveClock;
  readonly #published: DurablePublisher;
  readonly #recovered: RecoveredLog;
  #segments: Segment[];
  #writer: LaneWriter | undefined;
  #lane = '';
  #ordinal: number;
  #nextSeq = 1;
  #durable: Position;
  #refusal: string | undefined = 'the log is not open yet';
  #stopping = false;
  #reopening: Promise<void> | undefined;

  private constructor(options: WalOptions, recovered: RecoveredLog) {
    this.#options = options;
    this.#recovered = recovered;
    this.#ring = new FrameRing(options.memoryBytes);
    this.#time = new ReceiveClock(options.clock);
    this.#published = new DurablePublisher(join(options.directory, 'durable'));
    this.#segments = [...recovered.segments];
    this.#ordinal = recovered.end?.ordinal ?? 0;
    const { lane, lastSeq } = recovered.end ?? { lane: '', lastSeq: 0 };
    this.#durable = { lane, ordinal: this.#ordinal, seq: lastSeq };
  }

  /** Recovers what earlier runs wrote and opens this run's lane. */
  static async open(options: WalOptions): Promise<Wal> {
    await mkdir(options.directory, { recursive: true });
    const recovered = await recoverLog(options.directory, true);
    const wal = new Wal(options, recovered);
    await wal.#openLane('start', recovered.end, recovered.holes, undefined);
    return wal;
  }

  /** What this start found of earlier runs. */
  get recovered(): RecoveredLog {
    return this.#recovered;
  }

  /** The last durable record. */
  get durable(): Position {
    return this.#durable;
  }

  /** In log order; the last one is being written. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Why data is not taken now; undefined while it is. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** The receive time that a record appended now would get, epoch ms. */
  now(): number {
    return this.#time.read();
  }

  /**
   * Adds one record; its lines are copied before the call returns. Durable once `events.durable` has
   * passed the position. Undefined when the log can't take it: nothing was added then.
   */
  append(
    transport: RecordTransport,
    source: string,
    lines: Buffer,
    mutations: number,
  ): Position | undefined {
    if (this.#refusal !== undefined) return undefined;
    return this.#append(transport, source, lines, mutations);
  }

  /** Adds a record of the log's own, also while data is refused for want of space. */
  appendControl(control: Control): Position | undefined {
    if (this.#writer === undefined) return undefined;
    return this.#append('log', '-', Buffer.from(`${formatControl(control)}\n`), 0);
  }

  /** The durable frame in memory that holds the record after `position`, if it is there. */
  frameAfter(position: Position): RingFrame | undefined {
    return this.#ring.frameAfter(position);
  }

  /** Looks at the clock and the disk and drops expired files; call about once a second. */
  async maintain(passed: Position | undefined): Promise<void> {
    const leap = this.#time.adjust();
    if (leap !== undefined) await this.#restartLane(leap);
    await this.#expire(passed);
    const space = await this.#spaceRefusal();
    if (this.#writer !== undefined) this.#refuse(space);
  }

  /** Writes what is waiting and ends the lane in order. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#reopening;
    this.appendControl({ kind: 'close' });
    const writer = this.#writer;
    this.#writer = undefined;
    this.#refuse('the process is stopping');
    await writer?.stop();
    await this.#published.close();
  }

  #append(
    transport: RecordTransport,
    source: string,
    lines: Buffer,
    mutations: number,
  ): Position | undefined {
    const seq = this.#nextSeq;
    const header = { seq, receivedAt: this.#time.read(), transport, source };
    if (!this.#ring.append(header, lines, mutations)) return undefined;
    this.#nextSeq += 1;
    this.#writer?.kick();
    return { lane: this.#lane, ordinal: this.#ordinal, seq };
  }

  async #openLane(
    reason: OpenReason,
    previous: SegmentLink | undefined,
    holes: readonly Hole[],
    disputed: Leap | undefined,
  ): Promise<void> {
    const lane = randomBytes(8).toString('hex');
    this.#ordinal += 1;
    const ordinal = this.#ordinal;
    const seed = crc32(lane);
    const writer = new LaneWriter({
      directory: this.#options.directory,
      lane,
      ordinal,
      previous,
      seed,
      ring: this.#ring,
      segmentBytes: this.#options.segmentBytes,
      openSink: this.#options.openSink ?? openSyncedSink,
      now: () => this.#time.read(),
      onDurable: (frame) => this.#onDurable(frame),
      onSegment: (segment) => this.#segments.push(segment),
      onFailure: (error) => this.#onFailure(writer, error),
    });
    await writer.start();
    this.#ring.openLane(lane, ordinal, seed);
    this.#lane = lane;
    this.#nextSeq = 1;
    this.#writer = writer;
    const { version } = this.#options;
    const closes = previous && { lane: previous.lane, lastSeq: previous.lastSeq };
    const position = this.appendControl({
      kind: 'open',
      version,
      previous: closes ?? null,
      reason,
      holes,
      ...(disputed && { disputed }),
    });
    this.#refuse(undefined);
    if (position !== undefined) this.#options.events.opened(position, reason);
  }

  #onDurable(frame: RingFrame): void {
    const last = this.#segments.at(-1);
    if (last !== undefined) {
      const bytes = last.bytes + frame.bytes.length;
      this.#segments[this.#segments.length - 1] = { ...last, lastSeq: frame.lastSeq, bytes };
    }
    const { lane, ordinal, lastSeq } = frame;
    this.#durable = { lane, ordinal, seq: lastSeq };
    this.#published.publish({
      lane,
      ordinal,
      segmentFirstSeq: last?.firstSeq ?? 1,
      seq: lastSeq,
    });
    this.#options.events.durable(frame);
  }

  #onFailure(writer: LaneWriter, error: unknown): void {
    if (this.#writer !== writer) return;
    this.#writer = undefined;
    this.#refuse(`the log could not be written: ${(error as Error).message}`);
    const last = { lane: this.#lane, ordinal: this.#ordinal, seq: writer.link?.lastSeq ?? 0 };
    this.#options.events.lost(last);
    this.#reopening = this.#reopen(writer.link);
  }

  /** A new lane, tried once a second until the disk takes it. */
  async #reopen(previous: SegmentLink | undefined): Promise<void> {
    const never = new AbortController().signal;
    while (!this.#stopping) {
      await this.#options.clock.sleep(REOPEN_MS, never);
      try {
        await this.#openLane('write failed', previous, [], undefined);
        return;
      } catch (error) {
        this.#refuse(`the log could not be opened: ${(error as Error).message}`);
      }
    }
  }

  /** The wall clock leapt: later receive times belong to another lane, and the interval between is disputed. */
  async #restartLane(leap: Leap): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#refuse('the wall clock leapt: a new lane is being opened');
    await writer.stop();
    this.#time.accept();
    await this.#openLane('clock leap', writer.link, [], leap);
  }

  async #expire(passed: Position | undefined): Promise<void> {
    const expired = expiredSegments({
      segments: this.#segments,
      now: this.now(),
      retentionMs: this.#options.retentionMs,
      passed,
      bytes: this.bytes,
      bytesMax: this.#options.bytesMax,
    });
    for (const segment of expired) {
      await rm(segment.path, { force: true });
      this.#segments = this.#segments.filter((kept) => kept !== segment);
    }
  }

  async #spaceRefusal(): Promise<string | undefined> {
    if (this.bytes > this.#options.bytesMax) {
      return `the log has reached wal.bytesMax (${this.#options.bytesMax} bytes) and its followers have not passed its oldest file`;
    }
    const { bavail, bsize } = await statfs(this.#options.directory);
    return bavail * bsize < this.#options.freeBytesMin
      ? `the disk has less than wal.freeBytesMin (${this.#options.freeBytesMin} bytes) left`
      : undefined;
  }

  #refuse(reason: string | undefined): void {
    if (reason === this.#refusal) return;
    this.#refusal = reason;
    this.#options.events.refusing(reason);
  }
}
