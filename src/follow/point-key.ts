/**
 * What a write is to OpenTSDB's storage: which cell group (series, instant) it belongs to, as a fingerprint,
 * what it writes there, and in which form. Two writes of one instant with different forms are different cells
 * (opentsdb-write-api 4.1), and within one flush an arbitrary one of them wins; two of the same form may be
 * overtaken by each other while many requests are on their way to HBase. Equal writes don't matter.
 */
export class PointKey {
  /** 32 bits of the fingerprint. */
  high = 0;
  /** 12 more, then 16 of a hash of the value's text, then 4 of the form. */
  low = 0;
}

/** Where the fingerprint ends in `low`. */
const CELL_SHIFT = 20;
const WRITE_MASK = 0xf_ffff;

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

/** Reads the canonical put line at [start, end), without its `\n`, into `key`. Tag order doesn't matter. */
// oxlint-disable-next-line max-params -- the hot path: no object per point
export function readPointKey(
  line: Buffer,
  start: number,
  end: number,
  isTelnet: boolean,
  key: PointKey,
): void {
  let at = start + 4;
  let high = 0x811c_9dc5;
  let low = 0x9747_b28c;
  for (let byte = line[at] ?? SPACE; byte !== SPACE && at < end; byte = line[at] ?? SPACE) {
    high = Math.imul(high ^ byte, 0x0100_0193);
    low = Math.imul(low ^ byte, 0x5bd1_e995);
    at += 1;
  }
  let timestamp = 0;
  at += 1;
  for (let byte = line[at] ?? SPACE; byte !== SPACE && at < end; byte = line[at] ?? SPACE) {
    timestamp = timestamp * 10 + byte - ZERO;
    at += 1;
  }
  const isMs = timestamp > SECONDS_MAX;
  const instant = isMs ? timestamp : timestamp * 1_000;
  const valueStart = at + 1;
  const valueEnd = Math.min(end, indexOfSpace(line, valueStart, end));
  const form = valueForm(line, valueStart, valueEnd, isTelnet) | (isMs ? MILLISECONDS : 0);
  let tagsHigh = 0;
  let tagsLow = 0;
  at = valueEnd + 1;
  while (at < end) {
    let tagHigh = 0x811c_9dc5;
    let tagLow = 0x9747_b28c;
    for (let byte = line[at] ?? SPACE; byte !== SPACE && at < end; byte = line[at] ?? SPACE) {
      tagHigh = Math.imul(tagHigh ^ byte, 0x0100_0193);
      tagLow = Math.imul(tagLow ^ byte, 0x5bd1_e995);
      at += 1;
    }
    tagsHigh = (tagsHigh + mix(tagHigh)) | 0;
    tagsLow = (tagsLow + mix(tagLow)) | 0;
    at += 1;
  }
  const instantHigh = Math.floor(instant / 0x1_0000_0000);
  high = mix(mix(high ^ tagsHigh) ^ instant) ^ instantHigh;
  low = mix(mix(low + tagsLow) + instant) ^ Math.imul(instantHigh, 0x85eb_ca6b);
  const value = hashOf(line, valueStart, valueEnd);
  key.high = high >>> 0;
  key.low = ((low & ~WRITE_MASK) | ((value & 0xffff) << 4) | form) >>> 0;
}

function mix(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2_ae35);
  return twice ^ (twice >>> 16);
}

function hashOf(line: Buffer, start: number, end: number): number {
  let hash = 0x811c_9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (line[at] ?? 0), 0x0100_0193);
  return mix(hash);
}

function indexOfSpace(line: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && line[at] !== SPACE) at += 1;
  return at;
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
