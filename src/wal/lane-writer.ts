import { join } from 'node:path';
import { syncFolder } from './atomic-file.ts';
import type { FrameRing, RingFrame } from './frame-ring.ts';
import type { Segment } from './recovery.ts';
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
  /** Chain seed of the lane's first frame. */
  readonly seed: number;
  readonly segmentBytes: number;
  readonly openSink: OpenSink;
  readonly now: () => number;
  /** A frame is durable; called in log order. */
  readonly onDurable: (frame: RingFrame) => void;
  /** A new file is in place and durable. */
  readonly onSegment: (segment: Segment) => void;
  /** A write failed: nothing more will be written to this lane. */
  readonly onFailure: (error: unknown) => void;
}

/**
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
  #scheduled = false;
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(options: LaneWriterOptions) {
    this.#options = options;
    this.#link = options.previous;
    this.#chain = options.seed;
  }

  /** Makes the lane's first file. Rejects when the disk can't take it. */
  async start(): Promise<void> {
    await this.#openSegment(1);
  }

  /** The newest file and its last durable record, for the next file's header. */
  get link(): SegmentLink | undefined {
    return this.#link;
  }

  /** Tells that something was appended. */
  kick(): void {
    if (this.#scheduled || this.#running !== undefined || this.#failed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#running ??= this.#drain().finally(() => (this.#running = undefined));
    });
  }

  /** Writes what is waiting and ends the file. */
  async stop(): Promise<void> {
    await this.#running;
    if (this.#failed) return;
    await this.#drain();
    await this.#sink?.finish(this.#offset);
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        const frame = this.#options.ring.nextUnwritten();
        if (frame === undefined || this.#failed) return;
        await this.#write(frame);
        this.#options.ring.markDurable(frame);
        this.#options.onDurable(frame);
      }
    } catch (error) {
      this.#failed = true;
      this.#options.onFailure(error);
    }
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
    const { directory, lane, ordinal, openSink, now } = this.#options;
    const path = join(directory, segmentName({ ordinal, lane, firstSeq }));
    const createdAt = now();
    const previous = this.#link;
    const header = encodeSegmentHeader({
      lane,
      ordinal,
      firstSeq,
      createdAt,
      previous,
      seed: this.#chain,
    });
    this.#sink = await openSink(path);
    await this.#sink.write(header, 0);
    await syncFolder(directory);
    this.#offset = header.length;
    this.#link = { lane, firstSeq, lastSeq: firstSeq - 1 };
    this.#options.onSegment({
      path,
      lane,
      ordinal,
      firstSeq,
      lastSeq: firstSeq - 1,
      createdAt,
      bytes: 0,
    });
  }
}
