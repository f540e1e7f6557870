import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/config/address.ts';
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
} from '../../src/config/quantity.ts';

describe('a size', () => {
  test.each([
    ['64GiB', 64 * 1_024 ** 3],
    ['1.5 MiB', 1_572_864],
    ['4096', 4_096],
    [4_096, 4_096],
    ['0B', 0],
  ])('is read from %j', (raw, bytes) => {
    expect(parseBytes(raw)).toBe(bytes);
  });

  test.each(['64GB', '64gib', '', 'GiB', '-1', '1.3B', '99999999TiB', -1, 1.5, null, true, ['1B']])(
    'is not read from %j',
    (raw) => {
      expect(parseBytes(raw)).toBeUndefined();
    },
  );

  test('is read back as it is written', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseBytes(formatBytes(bytes)) === bytes));
  });
});

describe('a duration', () => {
  test.each([
    ['10s', 10_000],
    ['24h', 86_400_000],
    ['1.5m', 90_000],
    ['250ms', 250],
    ['0s', 0],
    [0, 0],
  ])('is read from %j', (raw, ms) => {
    expect(parseDuration(raw)).toBe(ms);
  });

  test.each(['10', 10, '10 seconds', 's', '-1s', '', null, '0.5ms'])(
    'is not read from %j',
    (raw) => {
      expect(parseDuration(raw)).toBeUndefined();
    },
  );

  test('is read back as it is written', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('an address', () => {
  test.each([
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
    ['tsdb-1.example:80', { host: 'tsdb-1.example', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    [':80', { host: 'here', port: 80 }],
    ['80', { host: 'here', port: 80 }],
    [80, { host: 'here', port: 80 }],
  ])('is read from %j', (raw, address) => {
    expect(parseAddress(raw, 'here')).toEqual(address);
  });

  test.each(['', 'host', 'host:', '::1:80', 'host:65536', 'http://host:80', -1, 8.5, null])(
    'is not read from %j',
    (raw) => {
      expect(parseAddress(raw, 'here')).toBeUndefined();
    },
  );

  test('is written with brackets where its host has colons', () => {
    expect(formatAddress({ host: '::1', port: 80 })).toBe('[::1]:80');
    expect(formatAddress({ host: 'a', port: 80 })).toBe('a:80');
  });
});
