import { parsePutLine } from '../../opentsdb/put-line.ts';
import { NOWHERE, type Position } from '../../record/position.ts';
import { WORD_SLACK_BYTES } from '../../record/line-buffer.ts';
import { copyInto } from './copy-into.ts';
import { PointKey, PointKeyReader } from './point-key.ts';

const NEWLINE = 0x0a;
const LETTER_P = 0x70;

/** The record that lines belong to. */
interface LinesOf {
  readonly seq: number;
  readonly telnet: boolean;
  /** Epoch ms. */
  readonly receivedAt: number;
  /** The record is another lane's, and is put in place of this one's. */
  readonly isOfOthers?: boolean;
}

/**
 * A stretch of the log on its way to an OpenTSDB: whole records' lines, copied out of their frames, and
 * for each line whose it is and what it writes. One instance is filled again and again.
 */
export class Chunk {
  /** The lines, each with its `\n`. */
  bytes: Buffer;
  length = 0;
  count = 0;
  /** Where each line starts in `bytes`; it ends before the next one's start. */
  starts: Uint32Array;
  seqs: Float64Array;
  /** Place of the line in its record, from 0. */
  indexes: Uint32Array;
  keyHigh: Uint32Array;
  keyLow: Uint32Array;
  seriesHigh: Uint32Array;
  seriesLow: Uint32Array;
  instants: Float64Array;
  /** When the line's record was received, epoch ms. */
  times: Float64Array;
  /** 1: came by telnet. */
  telnet: Uint8Array;
  /** 1: it is another lane's write, put in place of the record's own: what becomes of it is not for this lane to tell. */
  isOfOthers: Uint8Array;
  /** 1: it is not sent. */
  isBeaten: Uint8Array;
  /** Whether all lines are ASCII: then a telnet line is what it was in the log. */
  isAscii = true;
  /** The last record read, with or without lines; all before it are here or were passed over. */
  last: Position | undefined;
  readonly #key = new PointKey();
  #keys: PointKeyReader;
  /** Memory of the bodies made from this chunk, kept for the next filling. */
  readonly #bodies: Buffer[];

  /** `bodies`: shared with other chunks of which no two are made into bodies at a time. */
  constructor(bytes: number, lines: number, bodies: Buffer[] = []) {
    this.#bodies = bodies;
    this.bytes = Buffer.allocUnsafeSlow(bytes + WORD_SLACK_BYTES);
    this.#keys = new PointKeyReader(this.bytes);
    this.starts = new Uint32Array(lines + 1);
    this.seqs = new Float64Array(lines);
    this.indexes = new Uint32Array(lines);
    this.keyHigh = new Uint32Array(lines);
    this.keyLow = new Uint32Array(lines);
    this.seriesHigh = new Uint32Array(lines);
    this.seriesLow = new Uint32Array(lines);
    this.instants = new Float64Array(lines);
    this.times = new Float64Array(lines);
    this.telnet = new Uint8Array(lines);
    this.isOfOthers = new Uint8Array(lines);
    this.isBeaten = new Uint8Array(lines);
  }

  clear(): void {
    this.length = 0;
    this.count = 0;
    this.isAscii = true;
    this.last = undefined;
  }

  /** Adds the lines of one record: whole lines, [start, end) of a frame's body. */
  add(body: Buffer, start: number, end: number, record: LinesOf): void {
    const needed = this.length + end - start + WORD_SLACK_BYTES;
    if (needed > this.bytes.length) this.#growBytes(needed);
    body.copy(this.bytes, this.length, start, end);
    const stop = this.length + end - start;
    for (let at = this.length, index = 0; at < stop; index += 1) {
      if (this.count === this.seqs.length) this.#growLines();
      at = this.#addLine(at, record, index) + 1;
    }
    this.length = stop;
    this.starts[this.count] = stop;
  }

  /** Adds a line of another chunk. */
  addLine(from: Chunk, line: number): void {
    const bytes = from.endOf(line) + 1 - (from.starts[line] ?? 0);
    if (this.length + bytes + WORD_SLACK_BYTES > this.bytes.length)
      this.#growBytes(this.length + bytes + WORD_SLACK_BYTES);
    if (this.count === this.seqs.length) this.#growLines();
    this.starts[this.count] = this.length;
    this.length += bytes;
    this.count += 1;
    this.starts[this.count] = this.length;
    this.replaceLine(this.count - 1, from, line);
  }

  /** Puts a line of another chunk in the place of one; false when it isn't as long. */
  replaceLine(place: number, from: Chunk, line: number): boolean {
    const start = from.starts[line] ?? 0;
    const end = from.endOf(line);
    const to = this.starts[place] ?? 0;
    if (this.endOf(place) - to !== end - start) return false;
    // A line is short: a view of it, which `copy` needs, costs more.
    for (let at = start; at <= end; at += 1) this.bytes[to + at - start] = from.bytes[at] ?? 0;
    this.seqs[place] = from.seqs[line] ?? 0;
    this.indexes[place] = from.indexes[line] ?? 0;
    this.keyHigh[place] = from.keyHigh[line] ?? 0;
    this.keyLow[place] = from.keyLow[line] ?? 0;
    this.seriesHigh[place] = from.seriesHigh[line] ?? 0;
    this.seriesLow[place] = from.seriesLow[line] ?? 0;
    this.instants[place] = from.instants[line] ?? 0;
    this.times[place] = from.times[line] ?? 0;
    this.telnet[place] = from.telnet[line] ?? 0;
    this.isOfOthers[place] = from.isOfOthers[line] ?? 0;
    this.isBeaten[place] = 0;
    this.isAscii &&= from.isAscii;
    return true;
  }

  /** Memory for the body of the chunk's `index`-th batch; its content is the caller's until the chunk is cleared. */
  body(index: number, bytes: number): Buffer {
    const kept = this.#bodies[index];
    if (kept !== undefined && kept.length >= bytes) return kept;
    const made = Buffer.allocUnsafeSlow(Math.ceil(bytes / 65_536) * 65_536);
    this.#bodies[index] = made;
    return made;
  }

  /** Where line `line` ends, without its `\n`. */
  endOf(line: number): number {
    return (this.starts[line + 1] ?? this.length) - 1;
  }

  /** The text of a line, without its `\n`. */
  text(line: number): string {
    return this.bytes.toString('utf8', this.starts[line] ?? 0, this.endOf(line));
  }

  /** The record that a line belongs to. */
  positionOf(line: number): Position {
    return { ...(this.last ?? NOWHERE), seq: this.seqs[line] ?? 0 };
  }

  /** Returns where the line's `\n` is. */
  #addLine(start: number, record: LinesOf, index: number): number {
    const line = this.count;
    this.starts[line] = start;
    this.seqs[line] = record.seq;
    this.indexes[line] = index;
    this.times[line] = record.receivedAt;
    this.telnet[line] = record.telnet ? 1 : 0;
    this.isOfOthers[line] = record.isOfOthers === true ? 1 : 0;
    this.isBeaten[line] = 0;
    const isPut = this.bytes[start] === LETTER_P;
    const end = isPut
      ? this.#keys.read(start, record.telnet, this.#key)
      : this.bytes.indexOf(NEWLINE, start);
    if (!isPut) {
      readKeyOf(putLineOf(this.bytes.toString('utf8', start, end)), record.telnet, this.#key);
    }
    this.isAscii &&= (this.#key.bits & 0x80) === 0;
    this.keyHigh[line] = this.#key.high;
    this.keyLow[line] = this.#key.low;
    this.seriesHigh[line] = this.#key.seriesHigh;
    this.seriesLow[line] = this.#key.seriesLow;
    this.instants[line] = this.#key.instant;
    this.count += 1;
    return end;
  }

  #growBytes(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, bytes));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
    this.#keys = new PointKeyReader(grown);
  }

  #growLines(): void {
    const lines = this.seqs.length * 2;
    this.starts = copyInto(new Uint32Array(lines + 1), this.starts);
    this.seqs = copyInto(new Float64Array(lines), this.seqs);
    this.indexes = copyInto(new Uint32Array(lines), this.indexes);
    this.keyHigh = copyInto(new Uint32Array(lines), this.keyHigh);
    this.keyLow = copyInto(new Uint32Array(lines), this.keyLow);
    this.seriesHigh = copyInto(new Uint32Array(lines), this.seriesHigh);
    this.seriesLow = copyInto(new Uint32Array(lines), this.seriesLow);
    this.instants = copyInto(new Float64Array(lines), this.instants);
    this.times = copyInto(new Float64Array(lines), this.times);
    this.telnet = copyInto(new Uint8Array(lines), this.telnet);
    this.isOfOthers = copyInto(new Uint8Array(lines), this.isOfOthers);
    this.isBeaten = copyInto(new Uint8Array(lines), this.isBeaten);
  }
}

/** A few chunks, filled by turns. */
export class ChunkPool {
  readonly #max: number;
  readonly #chunks: Chunk[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** A cleared one that is not in use; undefined when all are. */
  take(inUse: readonly Chunk[]): Chunk | undefined {
    let chunk = this.#chunks.find((kept) => !inUse.includes(kept));
    if (chunk === undefined && this.#chunks.length < this.#max) {
      chunk = new Chunk(64 * 1024, 1_024);
      this.#chunks.push(chunk);
    }
    chunk?.clear();
    return chunk;
  }
}

/**
 * A line in JSON form, as the put line it would be could a put line carry it: what it writes is the same.
 * Spaces and controls in names become pictures of them: they would end a word.
 */
function putLineOf(line: string): string {
  const { metric, timestamp, value, tags } = parsePutLine(line);
  const pairs = Object.entries(tags).map(([key, text]) => word(`${key}=${text}`));
  return `put ${word(metric)} ${timestamp} ${value.trim()} ${pairs.join(' ')}`;
}

function readKeyOf(line: string, isTelnet: boolean, key: PointKey): void {
  const bytes = Buffer.from(`${line}\n${' '.repeat(WORD_SLACK_BYTES)}`);
  new PointKeyReader(bytes).read(0, isTelnet, key);
}

function word(text: string): string {
  return text.replaceAll(/[\0- ]/g, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)));
}
