import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { laneSeed, RECORD_BYTES_MAX } from '../record/frame.ts';
import type { Position } from '../record/position.ts';
import type { RecordTransport } from '../record/record.ts';
import { syncFolder } from '../runtime/durable-file.ts';
import { assert } from '../runtime/errors.ts';
import { tellingFolder } from '../runtime/random-name.ts';
import type { FrameRing, RingFrame } from './frame-ring.ts';
import type { Segment } from './log-files.ts';
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
  type SegmentLink,
} from './segment-file.ts';
import type { OpenSink, SegmentSink } from './segment-writer.ts';

export interface LaneWriterOptions {
  readonly directory: string;
  readonly lane: string;
  readonly ordinal: number;
  /** The file before the lane's first. */
  readonly previous: SegmentLink | undefined;
  readonly ring: FrameRing;
  readonly segmentBytes: number;
  readonly openSink: OpenSink;
  /** The receive time of a record that is appended now, epoch ms. */
  readonly now: () => number;
  /** A frame is durable; called in log order. */
  readonly onDurable: (frame: RingFrame) => void;
  /** A new file is in place and durable. */
  readonly onSegment: (segment: Segment) => void;
  /** A write failed: nothing more will be written to this lane. Called once. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * One lane: its records get their numbers here, and are written.
 *
 * Group commit: one write is under way at a time, and what is appended meanwhile goes with the next.
 * When idle, a write starts at the end of the event-loop turn, so that all that arrived in it shares it.
 * A failed write ends the lane: what reached the disk is unknown then, and trying again would guess.
 */
export class LaneWriter {
  readonly #options: LaneWriterOptions;
  #sink: SegmentSink | undefined;
  #offset = 0;
  #link: SegmentLink | undefined;
  #chain: number;
  #nextSeq = 1;
  #scheduled = false;
  #draining = false;
  #drained = Promise.resolve();
  /** Failed or stopped: nothing is written any more. */
  #ended = false;

  constructor(options: LaneWriterOptions) {
    this.#options = options;
    this.#link = options.previous;
    this.#chain = laneSeed(options.lane);
  }

  /** Makes the lane's first file. Rejects, leaving none, when the disk can't take it. */
  async start(): Promise<void> {
    await this.#openSegment(1);
  }

  /** The newest file and its last durable record, for the next file's header. */
  get link(): SegmentLink | undefined {
    return this.#link;
  }

  /** Adds one record; its lines are copied before the call returns. Undefined when memory has no room for it: nothing was added then. */
  append(
    transport: RecordTransport,
    source: string,
    lines: Buffer,
    mutations: number,
  ): Position | undefined {
    assert(lines.length <= RECORD_BYTES_MAX, 'a record fits into a frame');
    const { lane, ordinal, ring, now } = this.#options;
    const seq = this.#nextSeq;
    const header = { seq, receivedAt: now(), transport, source };
    if (!ring.append(header, lines, mutations)) return undefined;
    this.#nextSeq += 1;
    this.#kick();
    return { lane, ordinal, seq };
  }

  #kick(): void {
    if (this.#scheduled || this.#draining || this.#ended) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.flush();
    });
  }

  /** Settles once all that was appended is durable, or the lane has failed. */
  flush(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#drained = this.#drain();
    }
    return this.#drained;
  }

  /** Writes what is waiting and ends the file. A failure is told by `onFailure`. */
  async stop(): Promise<void> {
    await this.flush();
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#sink?.finish(this.#offset);
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #drain(): Promise<void> {
    try {
      while (!this.#ended) {
        const frame = this.#options.ring.nextUnwritten();
        if (frame === undefined) return;
        await this.#write(frame);
        this.#options.ring.markDurable(frame);
        this.#options.onDurable(frame);
      }
    } catch (error) {
      await this.#fail(error);
    } finally {
      // In the same turn as the last look at the ring: a later append finds either the loop or nobody.
      this.#draining = false;
    }
  }

  async #fail(error: unknown): Promise<void> {
    this.#ended = true;
    this.#options.onFailure(error);
    await this.#sink?.abandon();
  }

  async #write(frame: RingFrame): Promise<void> {
    const isFull = this.#offset + frame.bytes.length > this.#options.segmentBytes;
    if (isFull && this.#offset > SEGMENT_HEADER_BYTES) {
      await this.#sink?.finish(this.#offset);
      await this.#openSegment(frame.firstSeq);
    }
    await this.#sink?.write(frame.bytes, this.#offset);
    this.#offset += frame.bytes.length;
    this.#chain = frame.chain;
    if (this.#link !== undefined) this.#link = { ...this.#link, lastSeq: frame.lastSeq };
  }

  async #openSegment(firstSeq: number): Promise<void> {
    const { directory, lane, ordinal, now, onSegment } = this.#options;
    const path = join(directory, segmentName({ ordinal, lane, firstSeq }));
    const createdAt = now();
    const previous = this.#link;
    const seed = this.#chain;
    const header = encodeSegmentHeader({ lane, ordinal, firstSeq, createdAt, previous, seed });
    this.#sink = await this.#createFile(path, header);
    this.#offset = header.length;
    const link = { lane, firstSeq, lastSeq: firstSeq - 1 };
    this.#link = link;
    onSegment({ path, ...link, ordinal, createdAt, previous, bytes: header.length });
  }

  async #createFile(path: string, header: Buffer): Promise<SegmentSink> {
    let sink: SegmentSink | undefined;
    try {
      sink = await this.#options.openSink(path);
      await sink.write(header, 0);
      await syncFolder(this.#options.directory);
      return sink;
    } catch (error) {
      if (sink !== undefined) {
        await sink.abandon();
        // A file that stays holds no record and is passed over by every reader.
        await rm(path, { force: true }).catch(() => undefined);
      }
      throw tellingFolder(error, path);
    }
  }
}
