import { isUtf8 } from 'node:buffer';
import { type LineRow, rowOfLine } from '../format/line-row.ts';
import {
  AT,
  EQUALS,
  NEWLINE,
  SPACE,
  TAB,
  ZERO,
  endOfTagWord,
  endOfWord,
  isBefore,
  isPut,
  readNumber,
} from './line-bytes.ts';
import { endOfDigits } from '../../opentsdb/number-bytes.ts';
import { countControl, countPoint, emptyFacts, type SegmentFacts } from './segment-facts.ts';
import { escapeField, NULL_FIELD } from '../format/segment-table.ts';

const BANG = 0x21;
/** Length of `put `, and of `\tput`. */
const PUT_BYTES = 4;
const NO_PAYLOAD_BYTES = 3;

/** `\tput`, as a little-endian word. */
const PUT_FIELD = Buffer.from('\tput').readUInt32LE(0);
/** The last field and the end of a row without a payload, as such a word. */
const NO_PAYLOAD = Buffer.from(`${NULL_FIELD}\n\0`).readUInt32LE(0);
/** Beside its line and the record's fields a row takes no more than this. */
const ROW_EXTRA_BYTES = 64;
const TIMESTAMP_DIGITS_MAX = 15;

/** Bytes that are what was written, and not what any writer of a log writes. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
}

/**
 * Turns records into the rows file that DuckDB makes a segment of: one line of fields between tabs
 * for each point and each control line that matters to a restore. No value goes through a JavaScript number.
 */
export class SegmentRows {
  /** What was taken; `take` changes it. */
  facts: SegmentFacts;
  /** Some field of the rows holds an escape. */
  hasEscapes = false;
  #out = Buffer.allocUnsafeSlow(1024 * 1024);
  #outView = viewOf(this.#out);
  /** Bytes of `#out` in use. */
  #length = 0;
  /** The fields that all rows of a record begin with. */
  #prefix = Buffer.alloc(256);
  #prefixView = viewOf(this.#prefix);
  #prefixBytes = 0;
  /** Where in the body the tags of the line at hand begin. */
  readonly #tags: number[] = [];
  #tagCount = 0;
  #areTagsSorted = true;

  constructor(firstSeq: number) {
    this.facts = emptyFacts(firstSeq);
  }

  /** The rows since `clear`: valid until the next call. */
  view(): Buffer {
    return this.#out.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /**
   * Takes the records of a frame's body from `offset` on, up to `throughSeq`, or to the first with which a segment
   * ends. Returns where the next one begins. Throws UnreadableBody, and has taken nothing, on a body that no writer made.
   */
  take(body: Buffer, offset: number, throughSeq: number): number {
    const before = { ...this.facts };
    const length = this.#length;
    try {
      if (!isUtf8(body)) throw new Error('a frame is no UTF-8');
      if (body.at(-1) !== NEWLINE) throw new Error('a frame ends inside a line');
      const view = viewOf(body);
      let at = offset;
      while (at < body.length && this.facts.lastSeq < throughSeq && !this.facts.isEnd) {
        at = this.#record(body, view, at);
      }
      return at;
    } catch (cause) {
      this.facts = before;
      this.#length = length;
      throw new UnreadableBody((cause as Error).message, { cause });
    }
  }

  #record(body: Buffer, view: DataView, start: number): number {
    const { facts } = this;
    let at = this.#header(body, start);
    for (let index = 0; at < body.length && body[at] !== AT; index += 1) {
      this.#reserve(body.length - at + this.#prefixBytes + ROW_EXTRA_BYTES);
      const next = isPut(body, at) ? this.#put(body, view, at, index) : -1;
      at = next < 0 ? this.#line(body, at, index) : next;
    }
    facts.records += 1;
    return at;
  }

  /** `@<seq> <receivedAt> <transport> <source>` becomes the first four fields. */
  #header(body: Buffer, start: number): number {
    const end = body.indexOf(NEWLINE, start);
    const bytes = end - start;
    if (bytes > this.#prefix.length) {
      this.#prefix = Buffer.alloc(bytes * 2);
      this.#prefixView = viewOf(this.#prefix);
    }
    const prefix = this.#prefix;
    let fields = 1;
    let least = SPACE;
    for (let at = start + 1; at < end; at += 1) {
      const byte = body[at] ?? 0;
      if (byte === SPACE) fields += 1;
      if (byte < least) least = byte;
      prefix[at - start - 1] = byte === SPACE ? TAB : byte;
    }
    prefix[bytes - 1] = TAB;
    this.#prefixBytes = bytes;
    const seqEnd = endOfDigits(body, start + 1);
    const timeEnd = endOfDigits(body, seqEnd + 1);
    const seq = readNumber(body, start + 1, seqEnd);
    const isHeader = body[start] === AT && body[seqEnd] === SPACE && body[timeEnd] === SPACE;
    // A control character would end a field.
    if (!isHeader || fields !== 4 || least < SPACE) {
      throw new Error(`no record header: ${body.toString('utf8', start, end).slice(0, 100)}`);
    }
    const { facts } = this;
    if (seq !== facts.lastSeq + 1) throw new Error(`record ${seq} follows ${facts.lastSeq}`);
    facts.lastMs = readNumber(body, seqEnd + 1, timeEnd);
    if (facts.records === 0) facts.firstMs = facts.lastMs;
    facts.lastSeq = seq;
    return end + 1;
  }

  /** The usual shape of a point: the index after its line, or -1, with nothing written. */
  #put(body: Buffer, view: DataView, start: number, index: number): number {
    const metric = start + PUT_BYTES;
    const metricEnd = endOfWord(body, metric);
    if (body[metricEnd] !== SPACE) return -1;
    const time = metricEnd + 1;
    const timeEnd = endOfDigits(body, time);
    const isOdd = timeEnd - time > TIMESTAMP_DIGITS_MAX || body[time] === ZERO;
    if (body[timeEnd] !== SPACE || timeEnd === time || isOdd) return -1;
    const valueEnd = endOfWord(body, timeEnd + 1);
    if (body[valueEnd] !== SPACE) return -1;
    const tags = valueEnd + 1;
    const end = this.#findTags(body, tags);
    if (end < 0) return -1;
    const out = this.#out;
    const outView = this.#outView;
    const begun = this.#begin(index);
    outView.setUint32(begun, PUT_FIELD, true);
    const to = begun + PUT_BYTES + 1;
    const shift = to - metric;
    this.#copy(view, metric, this.#areTagsSorted ? end : tags, to);
    out[to - 1] = TAB;
    out[metricEnd + shift] = TAB;
    out[timeEnd + shift] = TAB;
    out[valueEnd + shift] = TAB;
    if (!this.#areTagsSorted) this.#copySortedTags(body, view, tags + shift);
    out[end + shift] = TAB;
    outView.setUint32(end + shift + 1, NO_PAYLOAD, true);
    this.#length = end + shift + 1 + NO_PAYLOAD_BYTES;
    countPoint(this.facts, readNumber(body, time, timeEnd));
    return end + 1;
  }

  /** Notes where the tags begin; where they end, which is where the line does, or -1 when they aren't the usual ones. */
  #findTags(body: Buffer, start: number): number {
    const tags = this.#tags;
    this.#areTagsSorted = true;
    for (let count = 0, key = start; ; count += 1) {
      const equals = endOfTagWord(body, key);
      if (body[equals] !== EQUALS || equals === key) return -1;
      if (count > 0) this.#areTagsSorted &&= isBefore(body, tags[count - 1] ?? 0, key);
      tags[count] = key;
      const end = endOfTagWord(body, equals + 1);
      if (end === equals + 1) return -1;
      if (body[end] === NEWLINE) {
        this.#tagCount = count + 1;
        return end;
      }
      if (body[end] !== SPACE) return -1;
      key = end + 1;
    }
  }

  /** Writes the tags of the line at hand in canonical order: they have nothing to be encoded. */
  #copySortedTags(body: Buffer, view: DataView, to: number): void {
    const tags = this.#tags;
    for (let index = 1; index < this.#tagCount; index += 1) {
      const tag = tags[index] ?? 0;
      let place = index;
      for (; place > 0 && isBefore(body, tag, tags[place - 1] ?? 0); place -= 1) {
        tags[place] = tags[place - 1] ?? 0;
      }
      tags[place] = tag;
    }
    let written = to;
    for (let index = 0; index < this.#tagCount; index += 1) {
      const tag = tags[index] ?? 0;
      const end = endOfTagWord(body, endOfTagWord(body, tag) + 1);
      this.#copy(view, tag, end, written);
      written += end - tag;
      this.#out[written] = SPACE;
      written += 1;
    }
  }

  /** Any other line. */
  #line(body: Buffer, start: number, index: number): number {
    const end = body.indexOf(NEWLINE, start);
    const line = body.toString('utf8', start, end);
    if (body[start] === BANG) countControl(this.facts, line);
    const row = rowOfLine(line);
    if (row === undefined) return end + 1;
    const fields = textsOf(row).map((text) => (text === null ? NULL_FIELD : escapeField(text)));
    const text = `\t${fields.join('\t')}\n`;
    this.#reserve(this.#prefixBytes + ROW_EXTRA_BYTES + text.length * 3);
    const to = this.#begin(index);
    this.#length = to + this.#out.write(text, to);
    this.hasEscapes ||= textsOf(row).some(
      (field) => field !== null && escapeField(field) !== field,
    );
    if (row.timestamp === null) this.facts.rows += 1;
    else countPoint(this.facts, row.timestamp);
    return end + 1;
  }

  /** Writes the record's fields and the line's index after what is there; returns where the rest of the row goes. */
  #begin(index: number): number {
    this.#copy(this.#prefixView, 0, this.#prefixBytes, this.#length);
    const to = this.#length + this.#prefixBytes;
    let digits = 1;
    for (let rest = index; rest >= 10; rest = Math.trunc(rest / 10)) digits += 1;
    for (let at = to + digits - 1, rest = index; at >= to; at -= 1, rest = Math.trunc(rest / 10)) {
      this.#out[at] = ZERO + (rest % 10);
    }
    return to + digits;
  }

  /** Copies [start, end) to `to`, four bytes at a time: it may write up to 3 bytes of rubbish after them. */
  #copy(from: DataView, start: number, end: number, to: number): void {
    const out = this.#outView;
    const wordEnd = Math.min(end, from.byteLength - 3);
    const shift = to - start;
    let at = start;
    for (; at < wordEnd; at += 4) out.setUint32(at + shift, from.getUint32(at, true), true);
    for (; at < end; at += 1) out.setUint8(at + shift, from.getUint8(at));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#length + bytes));
    this.#out.copy(grown, 0, 0, this.#length);
    this.#out = grown;
    this.#outView = viewOf(grown);
  }
}

/** In the order of the rows file, after the record's fields and the index. */
function textsOf({ kind, metric, timestamp, value, tags, payload }: LineRow): (string | null)[] {
  return [kind, metric, timestamp === null ? null : String(timestamp), value, tags, payload];
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
