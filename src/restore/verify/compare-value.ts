import { parsePutValue } from '../../opentsdb/java-number.ts';

/**
 * How a value that was put compares with what a query shows:
 *
 * - `exact`: the same type, and every digit;
 * - `inexact`: the same as far as the API can show it: OpenTSDB prints an integer as a double when a float follows it in
 *   the series, which hides its type, and its digits above 2^53;
 * - `different`.
 */
export function compareValue(expected: string, found: string): 'exact' | 'inexact' | 'different' {
  const value = parsePutValue(expected);
  const isFloat = /[.eEN]|Infinity/.test(found);
  switch (value.kind) {
    case 'long':
      if (!isFloat) return BigInt(found) === value.value ? 'exact' : 'different';
      return Number(value.value) === Number(found) ? 'inexact' : 'different';
    case 'double':
      return isFloat && Object.is(value.value, Number(found)) ? 'exact' : 'different';
    case 'invalid':
      return 'different';
  }
}
