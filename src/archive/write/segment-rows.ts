import { isUtf8 } from 'node:buffer';
import { type LineRow, rowOfLine } from '../format/line-row.ts';
import { countControl, countPoint, emptyFacts, type SegmentFacts } from './segment-facts.ts';
import { escapeField, NULL_FIELD } from '../format/segment-table.ts';

const AT = 0x40;
const NEWLINE = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const EQUALS = 0x3d;
const ZERO = 0x30;
const NINE = 0x39;
const BANG = 0x21;
/** Length of `put `. */
const PUT_BYTES = 4;

/** 1 for the bytes of a metric or a value that are themselves in a row. */
const IS_WORD = new Uint8Array(256).map((_, byte) =>
  Number(![0x01, 0x09, 0x0a, 0x0d, 0x20].includes(byte)),
);
/** The same for tags: without what may have to be encoded (0xc2 starts U+0080 to U+00BF), and `=`. */
const IS_TAG = new Uint8Array(256).map((_, byte) =>
  Number(byte > SPACE && ![0x25, EQUALS, 0x7f, 0xc2].includes(byte)),
);

const PUT_FIELD = Buffer.from('\tput\t');
const NO_PAYLOAD = Buffer.from(`\t${NULL_FIELD}\n`);
/** Beside its line and the record's fields a row takes no more than this. */
const ROW_EXTRA_BYTES = 64;
const TIMESTAMP_DIGITS_MAX = 15;
/** Series whose tags are not sent in canonical order; beyond, they are worked out anew. */
const TAGS_KNOWN_MAX = 100_000;

/** Bytes that are what was written, and not what any writer of a log writes. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
}

/**
 * Turns records into the rows file that DuckDB makes a segment of, byte by byte: one line of fields between tabs
 * for each point and each control line that matters to a restore. No value goes through a JavaScript number.
 */
export class SegmentRows {
  /** What was taken; `take` changes it. */
  facts: SegmentFacts;
  /** Some field of the rows holds an escape. */
  hasEscapes = false;
  #out = Buffer.allocUnsafeSlow(1024 * 1024);
  /** Bytes of `#out` in use. */
  #length = 0;
  /** The fields that all rows of a record begin with. */
  #prefix = Buffer.alloc(256);
  #prefixBytes = 0;
  readonly #tags = new Map<string, Buffer>();

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
      let at = offset;
      while (at < body.length && this.facts.lastSeq < throughSeq && !this.facts.isEnd) {
        at = this.#record(body, at);
      }
      return at;
    } catch (cause) {
      this.facts = before;
      this.#length = length;
      throw new UnreadableBody((cause as Error).message, { cause });
    }
  }

  #record(body: Buffer, start: number): number {
    const { facts } = this;
    let at = this.#header(body, start);
    for (let index = 0; at < body.length && body[at] !== AT; index += 1) {
      this.#reserve(body.length - at + this.#prefixBytes + ROW_EXTRA_BYTES);
      const next = isPut(body, at) ? this.#put(body, at, index) : -1;
      at = next < 0 ? this.#line(body, at, index) : next;
    }
    facts.records += 1;
    return at;
  }

  /** `@<seq> <receivedAt> <transport> <source>` becomes the first four fields. */
  #header(body: Buffer, start: number): number {
    const end = body.indexOf(NEWLINE, start);
    const bytes = end - start;
    if (bytes > this.#prefix.length) this.#prefix = Buffer.alloc(bytes * 2);
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
  #put(body: Buffer, start: number, index: number): number {
    const out = this.#out;
    let to = this.#begin(index);
    to += PUT_FIELD.copy(out, to);
    let at = start + PUT_BYTES;
    let byte = body[at] ?? 0;
    for (; IS_WORD[byte] === 1; byte = body[at] ?? 0) {
      out[to] = byte;
      to += 1;
      at += 1;
    }
    if (byte !== SPACE) return -1;
    out[to] = TAB;
    to += 1;
    at += 1;
    const timestampStart = at;
    let timestamp = 0;
    for (byte = body[at] ?? 0; byte >= ZERO && byte <= NINE; byte = body[at] ?? 0) {
      timestamp = timestamp * 10 + byte - ZERO;
      out[to] = byte;
      to += 1;
      at += 1;
    }
    const isOdd = at - timestampStart > TIMESTAMP_DIGITS_MAX || body[timestampStart] === ZERO;
    if (byte !== SPACE || at === timestampStart || isOdd) return -1;
    out[to] = TAB;
    to += 1;
    at += 1;
    for (byte = body[at] ?? 0; IS_WORD[byte] === 1; byte = body[at] ?? 0) {
      out[to] = byte;
      to += 1;
      at += 1;
    }
    if (byte !== SPACE) return -1;
    out[to] = TAB;
    this.#tagsTo = to + 1;
    at = this.#putTags(body, at + 1);
    if (at < 0) return -1;
    this.#length = this.#tagsTo + NO_PAYLOAD.copy(out, this.#tagsTo);
    countPoint(this.facts, timestamp);
    return at;
  }

  /** Where the tags of the row at hand go, and then where they end. */
  #tagsTo = 0;

  /** The index after the line, or -1. */
  #putTags(body: Buffer, start: number): number {
    const out = this.#out;
    let to = this.#tagsTo;
    let at = start;
    let isSorted = true;
    for (let before = -1; ;) {
      const key = at;
      let byte = body[at] ?? 0;
      for (; IS_TAG[byte] === 1; byte = body[at] ?? 0) {
        out[to] = byte;
        to += 1;
        at += 1;
      }
      if (byte !== EQUALS || at === key) return -1;
      if (before >= 0 && isSorted) isSorted = isBefore(body, before, key);
      before = key;
      out[to] = EQUALS;
      to += 1;
      at += 1;
      const value = at;
      for (byte = body[at] ?? 0; IS_TAG[byte] === 1; byte = body[at] ?? 0) {
        out[to] = byte;
        to += 1;
        at += 1;
      }
      if (at === value) return -1;
      at += 1;
      if (byte === NEWLINE) break;
      if (byte !== SPACE) return -1;
      out[to] = SPACE;
      to += 1;
    }
    this.#tagsTo = isSorted ? to : this.#tagsTo + this.#sorted(body, start, at - 1);
    return at;
  }

  /** Writes the tags at [start, end) in canonical order; returns their length, which is the same. */
  #sorted(body: Buffer, start: number, end: number): number {
    const sent = body.toString('latin1', start, end);
    let tags = this.#tags.get(sent);
    if (tags === undefined) {
      if (this.#tags.size >= TAGS_KNOWN_MAX) this.#tags.clear();
      const line = `put m 1 1 ${body.toString('utf8', start, end)}`;
      tags = Buffer.from(rowOfLine(line)?.tags ?? '');
      this.#tags.set(sent, tags);
    }
    return tags.copy(this.#out, this.#tagsTo);
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
    const out = this.#out;
    const prefix = this.#prefix;
    let to = this.#length;
    for (let at = 0; at < this.#prefixBytes; at += 1) {
      out[to] = prefix[at] ?? 0;
      to += 1;
    }
    if (index < 10) {
      out[to] = ZERO + index;
      return to + 1;
    }
    return to + out.write(String(index), to, 'latin1');
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#length + bytes));
    this.#out.copy(grown, 0, 0, this.#length);
    this.#out = grown;
  }
}

/** In the order of the rows file, after the record's fields and the index. */
function textsOf({ kind, metric, timestamp, value, tags, payload }: LineRow): (string | null)[] {
  return [kind, metric, timestamp === null ? null : String(timestamp), value, tags, payload];
}

function isPut(body: Buffer, at: number): boolean {
  return (
    body[at] === 0x70 && body[at + 1] === 0x75 && body[at + 2] === 0x74 && body[at + 3] === SPACE
  );
}

/** Whether the key at `a` sorts before the one at `b`; both end with `=`, which is in neither. */
function isBefore(body: Buffer, a: number, b: number): boolean {
  for (let index = 0; ; index += 1) {
    const left = body[a + index] ?? 0;
    const right = body[b + index] ?? 0;
    if (left === right && left !== EQUALS) continue;
    if (left === EQUALS) return true;
    return right !== EQUALS && left < right;
  }
}

function endOfDigits(body: Buffer, start: number): number {
  let at = start;
  for (let byte = body[at] ?? 0; byte >= ZERO && byte <= NINE; byte = body[at] ?? 0) at += 1;
  return at;
}

function readNumber(body: Buffer, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) number = number * 10 + (body[at] ?? 0) - ZERO;
  return number;
}
