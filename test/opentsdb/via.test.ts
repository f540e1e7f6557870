import { describe, expect, test } from 'vitest';
import { lanesIn, viaWith } from '../../src/opentsdb/via.ts';

const A = 'aaaaaaaaaaaaaaaa';
const B = '00c0ffee00c0ffee';

describe('the Via header', () => {
  test('names each proxy after those before it, and is read back in that order', () => {
    const one = viaWith(undefined, '1.1', A);
    expect(one).toBe(`1.1 tsdb-wal-${A}`);
    const both = viaWith(one, '1.0', B);
    expect(both).toBe(`1.1 tsdb-wal-${A}, 1.0 tsdb-wal-${B}`);
    expect(lanesIn(both)).toEqual([A, B]);
  });

  test('keeps what others say, and finds ours among it', () => {
    const via = viaWith('1.1 varnish (Varnish/6.0), HTTP/2 edge:8080', '1.1', A);
    expect(via).toBe(`1.1 varnish (Varnish/6.0), HTTP/2 edge:8080, 1.1 tsdb-wal-${A}`);
    expect(lanesIn([via, `HTTP/1.1 tsdb-wal-${B} (a comment)`])).toEqual([A, B]);
  });

  test.each([
    undefined,
    '',
    '1.1 tsdb-wal-',
    '1.1 tsdb-wal-1234',
    `1.1 tsdb-wal-${A}0`,
    `1.1 not-tsdb-wal-${A}`,
    `tsdb-wal-${A}`,
  ])('finds no proxy in %j', (via) => {
    expect(lanesIn(via)).toEqual([]);
  });

  test('names a lane once, and not more of them than make sense', () => {
    expect(lanesIn(`1.1 tsdb-wal-${A}, 1.1 tsdb-wal-${A}`)).toEqual([A]);
    const many = Array.from(
      { length: 100 },
      (_, at) => `1.1 tsdb-wal-${String(at).padStart(16, '0')}`,
    );
    expect(lanesIn(many)).toHaveLength(32);
  });
});
