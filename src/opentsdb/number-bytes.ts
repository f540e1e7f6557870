/**
 * Numbers in bytes that OpenTSDB certainly accepts. Each function returns where the number at `start`
 * ends, or -1; the last byte of `from` must not be a digit.
 */

/** A timestamp of 1 to 13 digits without leading zero: always in OpenTSDB's range. */
export function endOfTimestamp(from: Buffer, start: number): number {
  const first = from[start] ?? 0;
  if (first < 0x31 || first > 0x39) return -1;
  const end = endOfDigits(from, start + 1);
  return end - start <= 13 ? end : -1;
}

/**
 * A value in JSON's grammar, leading zeros let pass: at most 18 digits before the point and 2 in
 * the exponent, so that neither a long nor a double can overflow.
 */
export function endOfNumber(from: Buffer, start: number): number {
  const digits = from[start] === 0x2d ? start + 1 : start;
  let end = endOfDigits(from, digits);
  if (end === digits || end - digits > 18) return -1;
  if (from[end] === 0x2e) {
    const fraction = end + 1;
    end = endOfDigits(from, fraction);
    if (end === fraction) return -1;
  }
  if (((from[end] ?? 0) | 0x20) !== 0x65) return end;
  const sign = from[end + 1];
  const exponent = sign === 0x2b || sign === 0x2d ? end + 2 : end + 1;
  end = endOfDigits(from, exponent);
  return end > exponent && end - exponent <= 2 ? end : -1;
}

export function endOfDigits(from: Buffer, start: number): number {
  let at = start;
  let byte = from[at] ?? 0;
  while (byte >= 0x30 && byte <= 0x39) {
    at += 1;
    byte = from[at] ?? 0;
  }
  return at;
}
