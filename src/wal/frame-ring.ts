import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES, laneSeed, sealFrame } from '../record/frame.ts';
import { formatRecordHeader, type RecordHeader } from '../record/record.ts';
import type { Position } from '../record/position.ts';

/** A sealed frame of the newest part of the log. */
export interface RingFrame {
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly mutations: number;
  readonly lastReceivedAt: number;
  readonly bodyBytes: number;
  readonly chain: number;
  /** Header and body, as written to the file; valid while the frame is in the ring. */
  readonly bytes: Buffer;
  /** Place of its first byte on the endless tape of which the ring holds the end. */
  readonly start: number;
  durable: boolean;
}

interface OpenFrame {
  readonly start: number;
  readonly firstSeq: number;
  readonly firstReceivedAt: number;
  lastReceivedAt: number;
  records: number;
  mutations: number;
  bodyBytes: number;
}

/** More frames than this are not kept, however small: what describes a frame takes memory too. */
const FRAMES_MAX = 4_096;
/** No record's head is longer. */
const RECORD_HEAD_BYTES_MAX = 256;

/**
 * The newest frames of the log in one fixed piece of memory. Records are written into the open frame,
 * sealed frames are handed to the file from where they are, and followers that keep up read them there.
 * Old frames are overwritten; frames that aren't durable yet never are: then there is no room.
 */
export class FrameRing {
  readonly #memory: Buffer;
  /** Sealed frames, oldest first; those before `#head` are evicted. */
  #frames: RingFrame[] = [];
  #head = 0;
  /** Index in `#frames` of the first that isn't durable. */
  #unwritten = 0;
  #open: OpenFrame | undefined;
  #end = 0;
  #lane = '';
  #ordinal = 0;
  #seed = 0;
  #chain = 0;

  constructor(bytes: number) {
    this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, 4 * FRAME_BODY_BYTES_MAX));
  }

  /** Lines of so many bytes, in any number of records, surely fit once all before them is durable. */
  get linesBytesMax(): number {
    // What is left over where the tape wraps, and the heads.
    return this.#memory.length - 2 * FRAME_BODY_BYTES_MAX;
  }

  /** Whether lines of so many bytes, in so many records, surely fit now. */
  hasRoom(linesBytes: number, records: number): boolean {
    const open = this.#open;
    const end = open === undefined ? this.#end : open.start + FRAME_HEADER_BYTES + open.bodyBytes;
    const kept = (this.#frames[this.#unwritten] ?? open)?.start ?? end;
    const heads = records * (FRAME_HEADER_BYTES + RECORD_HEAD_BYTES_MAX);
    return end - kept + linesBytes + heads + FRAME_BODY_BYTES_MAX <= this.#memory.length;
  }

  /** Frames from here on belong to this lane. What was not durable is dropped: it never will be. */
  openLane(lane: string, ordinal: number): void {
    this.#open = undefined;
    this.#frames.length = this.#unwritten;
    this.#lane = lane;
    this.#ordinal = ordinal;
    this.#seed = laneSeed(lane);
    this.#chain = this.#seed;
  }

  /** Adds one record to the open frame; false when there is no room until older frames are durable. */
  append(header: RecordHeader, lines: Buffer, mutations: number): boolean {
    const head = formatRecordHeader(header);
    const size = head.length + lines.length;
    if (this.#open !== undefined && !this.#fits(this.#open, size)) this.#seal(this.#open);
    const open = this.#open ?? this.#begin(header, size);
    if (!this.#makeRoom(open.start + FRAME_HEADER_BYTES + open.bodyBytes + size)) return false;
    const at = (open.start % this.#memory.length) + FRAME_HEADER_BYTES + open.bodyBytes;
    this.#memory.write(head, at, 'latin1');
    lines.copy(this.#memory, at + head.length);
    open.bodyBytes += size;
    open.records += 1;
    open.mutations += mutations;
    open.lastReceivedAt = header.receivedAt;
    this.#open = open;
    return true;
  }

  /** The oldest frame that isn't durable, sealing the open one when there is no other; undefined when all are. */
  nextUnwritten(): RingFrame | undefined {
    if (this.#unwritten === this.#frames.length && this.#open !== undefined) this.#seal(this.#open);
    return this.#frames[this.#unwritten];
  }

  /** Call once the frame that `nextUnwritten` gave is durable. */
  markDurable(frame: RingFrame): void {
    frame.durable = true;
    this.#unwritten += 1;
  }

  /** The durable frame that holds the record after `position`; undefined when it isn't, or no longer, here. */
  frameAfter(position: Position): RingFrame | undefined {
    let low = this.#head;
    let high = this.#unwritten;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const frame = this.#frames[middle];
      if (frame === undefined) return undefined;
      const isAfter =
        frame.ordinal > position.ordinal ||
        (frame.ordinal === position.ordinal && frame.lastSeq > position.seq);
      if (isAfter) high = middle;
      else low = middle + 1;
    }
    const frame = low < this.#unwritten ? this.#frames[low] : undefined;
    return frame?.ordinal === position.ordinal && frame.firstSeq <= position.seq + 1
      ? frame
      : undefined;
  }

  #fits(open: OpenFrame, size: number): boolean {
    const bodyBytes = open.bodyBytes + size;
    const offset = open.start % this.#memory.length;
    return (
      bodyBytes <= FRAME_BODY_BYTES_MAX &&
      offset + FRAME_HEADER_BYTES + bodyBytes <= this.#memory.length
    );
  }

  #begin(header: RecordHeader, size: number): OpenFrame {
    const length = this.#memory.length;
    const offset = this.#end % length;
    const wraps = offset + FRAME_HEADER_BYTES + size > length;
    return {
      start: wraps ? this.#end + length - offset : this.#end,
      firstSeq: header.seq,
      firstReceivedAt: header.receivedAt,
      lastReceivedAt: header.receivedAt,
      records: 0,
      mutations: 0,
      bodyBytes: 0,
    };
  }

  #seal(open: OpenFrame): void {
    const offset = open.start % this.#memory.length;
    this.#chain = sealFrame(this.#memory, offset, open, {
      lane: this.#seed,
      chain: this.#chain,
    });
    const size = FRAME_HEADER_BYTES + open.bodyBytes;
    this.#frames.push({
      lane: this.#lane,
      ordinal: this.#ordinal,
      firstSeq: open.firstSeq,
      lastSeq: open.firstSeq + open.records - 1,
      mutations: open.mutations,
      lastReceivedAt: open.lastReceivedAt,
      bodyBytes: open.bodyBytes,
      chain: this.#chain,
      bytes: this.#memory.subarray(offset, offset + size),
      start: open.start,
      durable: false,
    });
    this.#end = open.start + size;
    this.#open = undefined;
  }

  /** Evicts durable frames until the tape may reach `end`. */
  #makeRoom(end: number): boolean {
    for (;;) {
      const oldest = this.#frames[this.#head];
      if (oldest === undefined) return true;
      const fits = end - oldest.start <= this.#memory.length;
      if (fits && this.#frames.length - this.#head < FRAMES_MAX) return true;
      if (!oldest.durable) return fits;
      this.#head += 1;
      if (this.#head >= FRAMES_MAX) this.#dropEvicted();
    }
  }

  #dropEvicted(): void {
    this.#frames = this.#frames.slice(this.#head);
    this.#unwritten -= this.#head;
    this.#head = 0;
  }
}
