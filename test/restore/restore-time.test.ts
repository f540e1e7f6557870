import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WalError } from '../../src/runtime/errors.ts';
import { formatInstant } from '../../src/runtime/instant.ts';
import { parseRestoreTime } from '../../src/restore/restore-time.ts';

const instants = fc.integer({ min: 0, max: 4_102_444_800_000 });
const offsets = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });

describe('a time to restore to', () => {
  test('is read back from RFC 3339 in any offset', () => {
    fc.assert(
      fc.property(instants, offsets, fc.constantFrom('T', ' ', 't'), (ms, minutes, separator) => {
        fc.pre(ms + minutes * 60_000 >= 0);
        const wall = new Date(ms + minutes * 60_000).toISOString().slice(0, -1);
        const text = `${wall.replace('T', separator)}${zone(minutes)}`;
        expect(parseRestoreTime('--to', text)).toEqual({ kind: 'at', ms });
      }),
    );
  });

  test('is read back from epoch milliseconds and from what is shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e11, max: 4_102_444_800_000 }), (ms) => {
        expect(parseRestoreTime('--to', String(ms))).toEqual({ kind: 'at', ms });
        expect(parseRestoreTime('--to', formatInstant(ms))).toEqual({ kind: 'at', ms });
      }),
    );
  });

  test.each([
    ['2026-06-01T12:00Z', 1_780_315_200_000],
    ['2026-06-01T12:00:00.5Z', 1_780_315_200_500],
    ['2026-06-01T12:00:00.123999Z', 1_780_315_200_123],
    ['2026-06-01T14:00:00+02:00', 1_780_315_200_000],
    [' 2026-06-01T12:00:00z ', 1_780_315_200_000],
    // As puts have them.
    ['1780315200', 1_780_315_200_000],
    ['1780315200.250', 1_780_315_200_250],
    ['978307200', 978_307_200_000],
    ['4294967295', 4_294_967_295_000],
  ])('may be written %s', (text, ms) => {
    expect(parseRestoreTime('--to', text)).toEqual({ kind: 'at', ms });
  });

  test('may be safe', () => {
    expect(parseRestoreTime('--to', 'safe')).toEqual({ kind: 'safe' });
  });

  test('without an offset is refused with both readings, each of which is taken', () => {
    fc.assert(
      fc.property(instants, (ms) => {
        const wall = new Date(ms).toISOString().slice(0, 19);
        const error = errorOf(wall);
        expect(error.code).toBe('CONFIG_INVALID');
        const [utc = '', local = ''] =
          error.hint?.match(/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/g) ?? [];
        expect(parseRestoreTime('--to', utc)).toEqual({ kind: 'at', ms: Date.parse(`${wall}Z`) });
        expect(parseRestoreTime('--to', local)).toEqual({ kind: 'at', ms: Date.parse(wall) });
      }),
    );
  });

  test.each([
    '',
    'now',
    'yesterday',
    '2026-06-01',
    '12:00',
    '2026',
    '1780315200.5',
    '4294967296',
    '17803152000',
    '2026-02-30T00:00:00Z',
    '2026-06-01T24:00:00Z',
    '2026-06-01T12:60:00Z',
    '2026-06-01T12:00:00+24:00',
    '2026-06-01T12:00:00 CET',
    '-1780315200000',
  ])('is refused when it is "%s", with what would be right', (text) => {
    const error = errorOf(text);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.hint).toContain('safe');
  });
});

function errorOf(text: string): WalError {
  try {
    parseRestoreTime('--to', text);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}

function zone(minutes: number): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${twoDigits(size / 60)}:${twoDigits(size % 60)}`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
