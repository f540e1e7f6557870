/**
 * Numbers as OpenTSDB reads them: `Tags.parseLong` for texts without `.`, `e`, `E`, and Java's
 * `Double.parseDouble` for the others (opentsdb-write-api 1.4 and 2.5). The messages are Java's.
 */
export type PutValue =
  | { readonly kind: 'long'; readonly value: bigint }
  /** Infinite when the text overflows a double. */
  | { readonly kind: 'double'; readonly value: number }
  | InvalidNumber;

interface InvalidNumber {
  readonly kind: 'invalid';
  readonly message: string;
}

const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

/** Reads the value of a data point: an integer unless it looks like a float. */
export function parsePutValue(text: string): PutValue {
  return /[.eE]/.test(text) ? parseDouble(text) : parseLong(text);
}

/** OpenTSDB's `Tags.parseLong`: an optional sign and 1 to 19 digits, nothing around them. */
export function parseLong(
  text: string,
): { readonly kind: 'long'; readonly value: bigint } | InvalidNumber {
  if (text === '') return invalid('Empty string');
  const signed = text.startsWith('+') || text.startsWith('-');
  if (signed && text.length === 1) return invalid(`Just a sign, no value: ${text}`);
  if (text.length > (signed ? 20 : 19)) return invalid(`Value too long: ${text}`);
  for (let at = signed ? 1 : 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) {
      return invalid(`Invalid character '${text.charAt(at)}' in ${text}`);
    }
  }
  const value = BigInt(text);
  if (!isLong(value)) return invalid(`Overflow in ${text}`);
  return { kind: 'long', value };
}

export const isLong = (value: bigint): boolean => value >= LONG_MIN && value <= LONG_MAX;

const DECIMAL = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?$/;
const HEXADECIMAL =
  /^([+-])?0[xX](?:([\da-fA-F]+)\.?|([\da-fA-F]*)\.([\da-fA-F]+))[pP]([+-]?\d+)[fFdD]?$/;
const SECOND_POINT = /^[+-]?\d*\.\d*\./;

/**
 * `Double.parseDouble`, for texts that hold a `.`, `e` or `E` (so never `NaN` or `Infinity`): trimmed,
 * decimal or hexadecimal, with an optional type suffix.
 */
function parseDouble(sent: string): PutValue {
  const text = javaTrim(sent);
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return { kind: 'double', value: Number(decimal[1]) };
  const hexadecimal = HEXADECIMAL.exec(text);
  if (hexadecimal !== null) return { kind: 'double', value: hexToDouble(hexadecimal) };
  return invalid(SECOND_POINT.test(text) ? 'multiple points' : `For input string: "${text}"`);
}

/** The value of a hexadecimal match. Scaled in steps, as one factor of 2 ** exponent could overflow. */
function hexToDouble(match: RegExpExecArray): number {
  const [, sign, whole = match[3] ?? '', , fraction = '', exponentText = '0'] = match;
  const significand = Number(BigInt(`0x0${whole}${fraction}`));
  let exponent = Math.max(-1e6, Math.min(1e6, Number(exponentText))) - 4 * fraction.length;
  let value = sign === '-' ? -significand : significand;
  while (exponent !== 0 && value !== 0 && Number.isFinite(value)) {
    const step = Math.max(-1000, Math.min(1000, exponent));
    value *= 2 ** step;
    exponent -= step;
  }
  return value;
}

/** `String.trim`: takes off everything up to U+0020, control characters too. */
export function javaTrim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start += 1;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end -= 1;
  return text.slice(start, end);
}

/**
 * How OpenTSDB would store a value, as its error texts show it: `[bytes]/flags`. Integers take the
 * least of 1, 2, 4, 8 bytes; a float that came by telnet takes 4 if nothing is lost, else 8.
 */
export function describeCell(
  value: Exclude<PutValue, InvalidNumber>,
  transport: 'http' | 'telnet',
): string {
  const view = new DataView(new ArrayBuffer(8));
  let size: number;
  if (value.kind === 'long') {
    view.setBigInt64(0, value.value);
    size = [1, 2, 4].find((bytes) => BigInt.asIntN(bytes * 8, value.value) === value.value) ?? 8;
  } else if (transport === 'telnet' && Math.fround(value.value) === value.value) {
    view.setFloat32(4, value.value);
    size = 4;
  } else {
    view.setFloat64(0, value.value);
    size = 8;
  }
  const bytes = Array.from({ length: size }, (_, at) => view.getInt8(8 - size + at));
  return `[${bytes.join(', ')}]/${(value.kind === 'double' ? 8 : 0) + size - 1}`;
}

function invalid(message: string): InvalidNumber {
  return { kind: 'invalid', message };
}
