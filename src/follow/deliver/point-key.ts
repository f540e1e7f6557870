/**
 * What a write is to OpenTSDB's storage: which cell group (series, instant) it belongs to, as a fingerprint,
 * what it writes there, and in which form. Two writes of one instant with different forms are different cells
 * (opentsdb-write-api 4.1), and within one flush an arbitrary one of them wins; two of the same form may be
 * overtaken by each other while many requests are on their way to HBase. Equal writes don't matter.
 */
export class PointKey {
  /** 32 bits of the fingerprint. */
  high = 0;
  /** 12 more, then 15 of a hash of the value's text, a bit that is always set, then 4 of the form. */
  low = 0;
  /** Fingerprint of the series. */
  seriesHigh = 0;
  seriesLow = 0;
  /** Epoch ms. */
  instant = 0;
  /** All bits that occur in the line's bytes: below 0x80 it is ASCII. */
  bits = 0;
}

/** Where the fingerprint ends in `low`. */
const CELL_SHIFT = 20;
const WRITE_MASK = 0xf_ffff;
/** Set in every `low`, so that 0 means none. */
const IN_USE = 0x10;

/** The three bits of a value whose form is not known here. */
const UNKNOWN_WIDTH = 7;
const FLOAT_4_BYTES = 4;
const FLOAT_8_BYTES = 5;
const MILLISECONDS = 8;

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const DOT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;
const SECONDS_MAX = 0xffff_ffff;
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => 10 ** power);

/** The words of a line after `put`; all after these are tags. */
const METRIC = 0;
const TIMESTAMP = 1;
const VALUE = 2;

/** Reads canonical put lines, each ended by `\n`, from one buffer; after the last WORD_SLACK_BYTES must be readable. */
export class PointKeyReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /**
   * Reads the line at `start` into `key`, and returns where its `\n` is. Tag order doesn't matter. Each word gets two sums, four bytes at a
   * time. In one function and without fields, that takes half of what it takes in several.
   */
  read(start: number, isTelnet: boolean, key: PointKey): number {
    const bytes = this.#bytes;
    const view = this.#view;
    let at = start + 4;
    let bits = 0;
    let metricHigh = 0;
    let metricLow = 0;
    let timestamp = 0;
    let value = 0;
    let form = 0;
    let tagsHigh = 0;
    let tagsLow = 0;
    for (let word = METRIC; ; word += 1) {
      const wordStart = at;
      let high = 0x811c_9dc5;
      let low = 0x1747_b28c;
      let part = view.getUint32(at, true);
      let ends = belowSpace(part);
      while (ends === 0) {
        high = Math.imul(high ^ part, 0xcc9e_2d51);
        high ^= high >>> 15;
        low = Math.imul(((low << 7) | (low >>> 25)) ^ part, 0x1b87_3593);
        bits |= part;
        at += 4;
        part = view.getUint32(at, true);
        ends = belowSpace(part);
      }
      const length = bytesBefore(ends);
      part &= (1 << (length * 8)) - 1;
      high = Math.imul(high ^ part, 0xcc9e_2d51);
      high ^= high >>> 15;
      low = Math.imul(((low << 7) | (low >>> 25)) ^ part, 0x1b87_3593);
      bits |= part;
      at += length;
      if (word > VALUE) {
        tagsHigh = (tagsHigh + mix(high)) | 0;
        tagsLow = (tagsLow + mix(low)) | 0;
      } else if (word === VALUE) {
        value = high;
        form = valueForm(bytes, wordStart, at, isTelnet);
      } else if (word === TIMESTAMP) {
        timestamp = digitsIn(bytes, wordStart, at);
      } else {
        metricHigh = high;
        metricLow = low;
      }
      if (bytes[at] !== SPACE) break;
      at += 1;
    }
    const isMs = timestamp > SECONDS_MAX;
    const instant = isMs ? timestamp : timestamp * 1_000;
    const instantHigh = Math.floor(instant / 0x1_0000_0000);
    const seriesHigh = mix(metricHigh ^ tagsHigh);
    const seriesLow = mix(metricLow + tagsLow);
    const low = mix(seriesLow + instant) ^ Math.imul(instantHigh, 0x85eb_ca6b);
    const write = ((mix(value) & 0x7fff) << 5) | IN_USE | form | (isMs ? MILLISECONDS : 0);
    key.seriesHigh = seriesHigh >>> 0;
    key.seriesLow = seriesLow >>> 0;
    key.instant = instant;
    key.high = (mix(seriesHigh ^ instant) ^ instantHigh) >>> 0;
    key.low = ((low & ~WRITE_MASK) | write) >>> 0;
    key.bits = bits | (bits >>> 8) | (bits >>> 16) | (bits >>> 24);
    return at;
  }
}

function digitsIn(bytes: Buffer, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) number = number * 10 + (bytes[at] ?? 0) - ZERO;
  return number;
}

/** The top bit of each of four bytes that is below 0x21, as both separators are, and no other byte of a line; perhaps of bytes above such a one, too. */
function belowSpace(four: number): number {
  return (four - 0x2121_2121) & ~four & 0x8080_8080;
}

/** How many of four bytes stand before the first whose top bit is set. */
function bytesBefore(tops: number): number {
  return (31 - Math.clz32(tops & -tops)) >>> 3;
}

function mix(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2_ae35);
  return twice ^ (twice >>> 16);
}

/** How OpenTSDB stores the value: integers on the fewest of 1, 2, 4, 8 bytes; telnet floats on 4 when exact, HTTP's on 8. */
function valueForm(line: Buffer, start: number, end: number, isTelnet: boolean): number {
  let at = start;
  const isNegative = line[at] === MINUS;
  if (isNegative || line[at] === PLUS) at += 1;
  let mantissa = 0;
  let digits = 0;
  let decimals = -1;
  for (; at < end; at += 1) {
    const byte = line[at] ?? 0;
    if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + byte - ZERO;
      digits += 1;
      if (decimals >= 0) decimals += 1;
    } else if (byte === DOT && decimals < 0) decimals = 0;
    else return isTelnet ? textForm(line.toString('latin1', start, end)) : FLOAT_8_BYTES;
  }
  if (decimals < 0) return integerWidth(mantissa, isNegative);
  if (!isTelnet) return FLOAT_8_BYTES;
  if (digits > 15) return textForm(line.toString('latin1', start, end));
  return floatForm(mantissa / (POWERS_OF_TEN[decimals] ?? 1));
}

function integerWidth(magnitude: number, isNegative: boolean): number {
  const reach = isNegative ? magnitude - 1 : magnitude;
  if (reach <= 0x7f) return 0;
  if (reach <= 0x7fff) return 1;
  return reach <= 0x7fff_ffff ? 2 : 3;
}

function floatForm(value: number): number {
  return Math.fround(value) === value ? FLOAT_4_BYTES : FLOAT_8_BYTES;
}

function textForm(text: string): number {
  const value = floatOf(text);
  return value === undefined ? UNKNOWN_WIDTH : floatForm(value);
}

/** What Java reads in a decimal text, with its suffixes; undefined when that is not known here. */
export function floatOf(text: string): number | undefined {
  const value = Number(text.replace(/[fFdD]$/, ''));
  return Number.isNaN(value) || /^[+-]?0x/i.test(text) ? undefined : value;
}

/** Whether two writes of one instant surely leave the same, in whatever order they are stored. */
export function isSameWrite(low: number, other: number): boolean {
  return ((low ^ other) & WRITE_MASK) === 0 && isKnownForm(low);
}

/** Whether two writes with the same high word are of one instant. */
export function isSameCell(low: number, other: number): boolean {
  return (low ^ other) >>> CELL_SHIFT === 0;
}

/** Whether it is known how OpenTSDB stores the value. */
export function isKnownForm(low: number): boolean {
  return (low & 7) !== UNKNOWN_WIDTH;
}

/** The same instant, in a form that is the same as no other. */
export function withUnknownForm(low: number): number {
  return (low | 15) >>> 0;
}

/** Whether an HTTP put of the same text is stored in the same form as the telnet put was. */
export function isSameByHttp(low: number): boolean {
  const value = low & 7;
  return value !== FLOAT_4_BYTES && value !== UNKNOWN_WIDTH;
}

/** One number for a (series, instant), whatever is written there. */
export function cellGroup(high: number, low: number): number {
  return high * 0x1000 + (low >>> CELL_SHIFT);
}
