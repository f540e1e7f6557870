import { comparePositions, type Position } from '../../record/position.ts';
import type { LogRead } from '../../wal/log-reader.ts';
import { countLines } from '../../record/count-lines.ts';
import type { LineFile } from './line-file.ts';
import type { RateLimit } from './rate-limit.ts';

export interface FoldSourceOptions {
  /** Names the stream; the same for the same content. */
  readonly lane: string;
  /** Where reading begins; undefined: at the start. */
  readonly from: Position | undefined;
  readonly ranges: number;
  /** Makes the lines of a range, counted from 0; called for one range after the other. */
  readonly produce: (range: number) => Promise<LineFile>;
  readonly limit: RateLimit;
  /** There is something to read. */
  readonly wake: () => void;
  /** Nothing more will be. */
  readonly failed: (error: Error) => void;
  /** Receive time that the records are given. */
  readonly atMs: number;
}

/** Records in a frame, unless a rate is to be kept. */
const FRAME_RECORDS = 16;
/** Ranges that are ready before they are wanted. */
const RANGES_AHEAD = 1;

/**
 * The folded state as a log: a range is a lane of its own number (from 1), its records are first what came by HTTP,
 * then what came by telnet. Reading may go back to any place that `forget` was not told of. The next range is made
 * while the current one is read.
 */
export class FoldSource {
  readonly #options: FoldSourceOptions;
  readonly #ranges = new Map<number, LineFile>();
  /** The last record of the last range that has any; set once all ranges are known. */
  #end: Position | undefined;
  #lastFull: Position;
  #producing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: FoldSourceOptions) {
    this.#options = options;
    this.#lastFull = options.from ?? { lane: options.lane, ordinal: 0, seq: 0 };
  }

  /** Where the state ends; undefined while that is not known. */
  get end(): Position | undefined {
    return this.#end;
  }

  /** How much of a range stands up to record `seq`: 0 to 1. */
  partOf(ordinal: number, seq: number): number {
    const range = this.#ranges.get(ordinal);
    const records = range === undefined ? 0 : recordsOf(range);
    return records === 0 ? 0 : seq / records;
  }

  /** What follows `after`; undefined when it is not there yet, or may not pass yet: then `wake` is called. */
  async next(after: Position | undefined): Promise<LogRead | undefined> {
    let ordinal = Math.max(1, after?.ordinal ?? 1);
    let seq = after?.ordinal === ordinal ? after.seq : 0;
    for (; ordinal <= this.#options.ranges; ordinal += 1, seq = 0) {
      const range = this.#ranges.get(ordinal);
      if (range === undefined) {
        this.#produce(ordinal);
        return undefined;
      }
      if (ordinal + RANGES_AHEAD <= this.#options.ranges) this.#produce(ordinal + RANGES_AHEAD);
      if (seq < recordsOf(range)) return this.#frame(range, ordinal, seq);
    }
    return undefined;
  }

  /** Nothing can be had without waiting. */
  peek(): undefined {
    return undefined;
  }

  /** Nothing before `position` is read again: its files go. */
  async forget(position: Position): Promise<void> {
    for (const [ordinal, range] of this.#ranges) {
      if (ordinal >= position.ordinal) continue;
      this.#ranges.delete(ordinal);
      await range.discard();
    }
  }

  /** What is being made is waited for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#producing;
    for (const range of this.#ranges.values()) await range.discard();
  }

  async #frame(range: LineFile, ordinal: number, seq: number): Promise<LogRead | undefined> {
    const { limit, lane, atMs } = this.#options;
    const { waitMs } = limit;
    if (waitMs > 0) {
      this.#wakeIn(waitMs);
      return undefined;
    }
    const { http, telnet } = range;
    const isTelnet = seq >= http.records;
    const section = isTelnet ? telnet : http;
    const index = isTelnet ? seq - http.records : seq;
    const { bytes, starts } = await section.read(index, limit.isSet ? 1 : FRAME_RECORDS);
    if (limit.isSet) limit.take(countLines(bytes));
    const parts: Buffer[] = [];
    for (let record = 0; record + 1 < starts.length; record += 1) {
      const transport = isTelnet ? 'telnet' : 'http';
      parts.push(Buffer.from(`@${seq + record + 1} ${atMs} ${transport} -\n`));
      parts.push(bytes.subarray(starts[record], starts[record + 1]));
    }
    const lastSeq = seq + starts.length - 1;
    const body = Buffer.concat(parts);
    return { kind: 'frame', lane, ordinal, firstSeq: seq + 1, lastSeq, body };
  }

  #produce(ordinal: number): void {
    if (this.#producing !== undefined || this.#ranges.has(ordinal) || this.#isClosed) return;
    this.#producing = this.#make(ordinal);
  }

  async #make(ordinal: number): Promise<void> {
    try {
      await this.#open(ordinal);
    } catch (error) {
      // What is being made stays set: nothing more is tried.
      this.#options.failed(error as Error);
      return;
    }
    this.#producing = undefined;
    // Who was just told that there is nothing must be waiting by then.
    setImmediate(() => this.#options.wake());
  }

  async #open(ordinal: number): Promise<void> {
    const { produce, ranges, lane } = this.#options;
    const range = await produce(ordinal - 1);
    this.#ranges.set(ordinal, range);
    const last = { lane, ordinal, seq: recordsOf(range) };
    if (last.seq > 0 && comparePositions(last, this.#lastFull) > 0) this.#lastFull = last;
    if (ordinal === ranges) this.#end = this.#lastFull;
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#options.wake(), Math.ceil(ms));
  }
}

function recordsOf({ http, telnet }: LineFile): number {
  return http.records + telnet.records;
}
