import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Control, formatControl } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import type { RecordTransport } from '../record/record.ts';
import type { Clock } from '../runtime/clock.ts';
import { assert, WalError } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/durable-file.ts';
import type { DurableMark } from './durable-mark.ts';
import { DurablePublisher } from './durable-publisher.ts';
import { FrameRing, type RingFrame } from './frame-ring.ts';
import { Intake } from './intake.ts';
import { LaneOpener, PASSING_ERRORS } from './lane-opener.ts';
import { LaneWriter } from './lane-writer.ts';
import { type OpenReason, type Opening, openRecord } from './open-record.ts';
import { type Leap, ReceiveClock } from './receive-clock.ts';
import type { Segment } from './log-files.ts';
import { type RecoveredLog, recoverLog, type RecoverOptions } from './recovery.ts';
import { SegmentList } from './segment-list.ts';
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
  /** What the log doesn't reach of their places is a hole, and new lanes stand after them; so with `lanes`. */
  readonly followers?: RecoverOptions['followers'];
  /** See RecoverOptions. */
  readonly lanes?: RecoverOptions['lanes'];
  /** See RecoverOptions. */
  readonly closed?: RecoverOptions['closed'];
  readonly openSink?: OpenSink;
  /** Why a lane takes no data after it was opened, until `admit` is called for it; absent: each takes data at once. */
  readonly barredAtFirst?: string;
}

export interface WalEvents {
  /** All up to the end of this frame is durable. In log order. */
  durable(frame: RingFrame): void;
  /** What this lane was given after `last` is not durable, and never will be. */
  lost(last: Position): void;
  /** A lane is open for appends. `disputed`: the wall clock leapt, or was set back before this start. */
  opened(position: Position, reason: OpenReason, disputed?: Opening['disputed']): void;
  /** The log stopped taking data, or takes it again. Called once a change. */
  refusing(reason: string | undefined): void;
  /** A file that all followers had passed was removed. */
  expired?(segment: Segment): void;
  /** Expired files can't be removed, which is tried again at each `maintain`, or can again. Called once a change. */
  hindered?(reason: string | undefined): void;
}

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
  readonly #segments: SegmentList;
  readonly #opener: LaneOpener;
  #writer: LaneWriter | undefined;
  #lane = '';
  #ordinal: number;
  #durable: Position;
  #mark: DurableMark | undefined;
  /** What the first record of the current lane says, until that is durable. */
  #opening: Opening | undefined;
  readonly #intake: Intake;
  readonly #stopping = new AbortController();
  #maintaining: Promise<void> | undefined;
  #closed: Promise<DurableMark | undefined> | undefined;

  private constructor(options: WalOptions, recovered: RecoveredLog) {
    this.#options = options;
    this.#recovered = recovered;
    this.#intake = new Intake((refusal) => options.events.refusing(refusal));
    this.#ring = new FrameRing(options.memoryBytes);
    this.#time = new ReceiveClock(options.clock);
    this.#published = new DurablePublisher(join(options.directory, 'durable'));
    this.#segments = new SegmentList({
      ...options,
      segments: recovered.segments,
      onExpired: (segment) => options.events.expired?.(segment),
      onHindered: (reason) => options.events.hindered?.(reason),
    });
    this.#opener = new LaneOpener({
      clock: options.clock,
      open: (opening) => this.#openLane(opening),
      failed: (reason) => this.#intake.refuse(reason),
      signal: this.#stopping.signal,
    });
    const { lane, ordinal, lastSeq: seq } = recovered.end ?? { lane: '', ordinal: 0, lastSeq: 0 };
    this.#durable = { lane, ordinal, seq };
    this.#ordinal = ordinal;
  }

  /**
   * Recovers what earlier runs wrote and opens this run's lane. When the disk is full or failing, the log
   * is there for its readers, refuses data, and opens the lane as soon as it can.
   */
  static async open(options: WalOptions): Promise<Wal> {
    const { directory } = options;
    try {
      await makeFolder(directory);
      const { followers = [], lanes = [], closed } = options;
      const known = { followers, lanes, ...(closed && { closed }) };
      const recovered = await recoverLog(directory, { repair: true, ...known });
      const wal = new Wal(options, recovered);
      const { end: previous, holes, lastReceivedAt = 0 } = recovered;
      const opening = { previous, holes, ...wal.#time.follow(lastReceivedAt) };
      await wal.#opener.open({ reason: 'start', ...opening }, PASSING_ERRORS);
      return wal;
    } catch (cause) {
      throw new WalError('DATA_UNUSABLE', `${directory}: ${(cause as Error).message}`, {
        cause,
        hint: 'The directory must be readable and writable for this process.',
      });
    }
  }

  /** What this start found of earlier runs. */
  get recovered(): RecoveredLog {
    return this.#recovered;
  }

  /** The one that is written now, or was last. */
  get lane(): string {
    return this.#lane;
  }

  /** The last durable record. */
  get durable(): Position {
    return this.#durable;
  }

  /** In log order; the last one is being written. */
  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Why data is not taken now; undefined while it is. */
  get refusal(): string | undefined {
    return this.#intake.refusal;
  }

  /** Whether the caller lets the current lane take data. */
  get isAdmitted(): boolean {
    return !this.#intake.isBarred;
  }

  /** Lets a lane take data, if it is the current one. */
  admit(lane: string): void {
    if (lane === this.#lane) this.#intake.bar(undefined);
  }

  /** Says why a lane isn't admitted yet; one that was admitted stays so. */
  explainBar(lane: string, reason: string): void {
    if (lane === this.#lane && this.#intake.isBarred) this.#intake.bar(reason);
  }

  /** More bytes of lines can't be added one right after the other. */
  get linesBytesMax(): number {
    return this.#ring.linesBytesMax;
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
    if (this.#intake.refusal !== undefined) return undefined;
    return this.#writer?.append(transport, source, lines, mutations);
  }

  /** Whether lines of so many bytes, added now as so many records one right after the other, are all taken. */
  hasRoom(linesBytes: number, records: number): boolean {
    if (this.#intake.refusal !== undefined || this.#writer === undefined) return false;
    return this.#ring.hasRoom(linesBytes, records);
  }

  /** Adds a record of the log's own, also while data is refused for want of space. */
  appendControl(control: Control): Position | undefined {
    return this.#writer?.append('log', '-', Buffer.from(`${formatControl(control)}\n`), 0);
  }

  /** The durable frame in memory that holds the record after `position`, if it is there. */
  frameAfter(position: Position): RingFrame | undefined {
    return this.#ring.frameAfter(position);
  }

  /**
   * Looks at the clock and the disk and drops expired files; call about once a second. Never rejects: what
   * can't be done is told by `refusing` and `hindered`, and tried again at the next call.
   */
  maintain(passed: Position | undefined): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve();
    this.#maintaining ??= this.#maintain(passed).finally(() => (this.#maintaining = undefined));
    return this.#maintaining;
  }

  /** Writes what is waiting and ends the lane in order. Resolves to where it ended; undefined when that could not be written. */
  close(): Promise<DurableMark | undefined> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<DurableMark | undefined> {
    this.#stopping.abort();
    await this.#maintaining;
    await this.#opener.settled();
    this.#intake.refuse('the process is stopping');
    await this.#writer?.flush();
    const end = this.appendControl({ kind: 'close' });
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.stop();
    await this.#published.close();
    return end !== undefined && comparePositions(end, this.#durable) === 0 ? this.#mark : undefined;
  }

  async #openLane(opening: Opening): Promise<void> {
    const lane = randomBytes(8).toString('hex');
    this.#ordinal += 1;
    const ordinal = this.#ordinal;
    const writer = new LaneWriter({
      directory: this.#options.directory,
      lane,
      ordinal,
      previous: opening.previous,
      ring: this.#ring,
      segmentBytes: this.#options.segmentBytes,
      openSink: this.#options.openSink ?? openSyncedSink,
      now: () => this.#time.read(),
      onDurable: (frame) => this.#onDurable(frame),
      onSegment: (segment) => this.#segments.add(segment),
      onFailure: (error) => this.#onFailure(writer, error),
    });
    await writer.start();
    const space = await this.#segments.refusal();
    this.#ring.openLane(lane, ordinal);
    this.#lane = lane;
    this.#writer = writer;
    this.#opening = opening;
    const position = this.appendControl(openRecord(this.#options.version, opening));
    assert(position !== undefined, 'an empty lane has room for its first record');
    this.#intake.bar(this.#options.barredAtFirst);
    this.#intake.refuse(space);
    this.#options.events.opened(position, opening.reason, opening.disputed);
  }

  #onDurable(frame: RingFrame): void {
    this.#segments.grow(frame);
    const { lane, ordinal, lastSeq } = frame;
    this.#durable = { lane, ordinal, seq: lastSeq };
    this.#opening = undefined;
    const segmentFirstSeq = this.segments.at(-1)?.firstSeq ?? 1;
    this.#mark = { lane, ordinal, segmentFirstSeq, seq: lastSeq };
    this.#published.publish(this.#mark);
    this.#options.events.durable(frame);
  }

  #onFailure(writer: LaneWriter, error: unknown): void {
    const isCurrent = this.#writer === writer;
    this.#writer = undefined;
    this.#intake.refuse(`the log could not be written: ${(error as Error).message}`);
    const last = { lane: this.#lane, ordinal: this.#ordinal, seq: writer.link?.lastSeq ?? 0 };
    this.#options.events.lost(last);
    // Otherwise whoever stopped the writer opens the next lane, or none.
    if (!isCurrent) return;
    const unsaid = this.#opening ?? { holes: [] };
    this.#opener.openLater({ ...unsaid, reason: 'write failed', previous: writer.link });
  }

  async #maintain(passed: Position | undefined): Promise<void> {
    const leap = this.#time.adjust();
    if (leap !== undefined) await this.#restartLane(leap);
    await this.#segments.expire(passed, this.now());
    const space = await this.#segments.refusal();
    if (this.#writer !== undefined) this.#intake.refuse(space);
  }

  /** The wall clock leapt: later receive times belong to another lane, and the interval between is disputed. */
  async #restartLane(leap: Leap): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#intake.refuse('the wall clock leapt: a new lane is being opened');
    await writer.stop();
    this.#time.accept();
    this.#segments.noteLeap({ ordinal: this.#ordinal + 1, ms: leap.to - leap.from });
    const { link: previous } = writer;
    await this.#opener.open({ reason: 'clock leap', previous, holes: [], disputed: leap });
  }
}
