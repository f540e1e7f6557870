import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  echoOf,
  formatHttpPut,
  formatTelnetPut,
  parsePutLine,
} from '../../src/opentsdb/put-line.ts';

const latin = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  minLength: 1,
});

describe('a logged put', () => {
  test('has the telnet form when every word fits it', () => {
    const tags = new Map([
      ['2', 'é'],
      ['1', 'a:b'],
    ]);
    const line = formatHttpPut({ metric: 'm', timestamp: 5n, value: '1.10', tags });
    expect(line).toBe('put m 5 1.10 2=é 1=a:b');
  });

  test.each([
    ['m', ' 1.5 ', 'a', '{"metric":"m","timestamp":5,"value":" 1.5 ","tags":{"h":"a"}}'],
    ['m', '1.5\0', 'a', '{"metric":"m","timestamp":5,"value":"1.5\\u0000","tags":{"h":"a"}}'],
    ['m n', '1', 'a', '{"metric":"m n","timestamp":5,"value":"1","tags":{"h":"a"}}'],
    ['m', '1', 'a=b', '{"metric":"m","timestamp":5,"value":"1","tags":{"h":"a=b"}}'],
    ['m', '1', 'a\u00a0b', '{"metric":"m","timestamp":5,"value":"1","tags":{"h":"a\u00a0b"}}'],
  ])('has the http form when a word does not: %j %j %j', (metric, value, tag, json) => {
    const tags = new Map([['h', tag]]);
    const line = formatHttpPut({ metric, timestamp: 5n, value, tags });
    expect(line).toBe(`http POST /api/put ${json}`);
  });

  test('is read back as it was, in either form', () => {
    fc.assert(
      fc.property(
        latin,
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        latin,
        fc.uniqueArray(fc.tuple(latin, latin), { minLength: 1, selector: ([key]) => key }),
        (metric, timestamp, value, tags) => {
          const line = formatHttpPut({ metric, timestamp, value, tags: new Map(tags) });
          const expected = {
            metric,
            timestamp: String(timestamp),
            value,
            tags: Object.fromEntries(tags),
          };
          expect(line).not.toContain('\n');
          expect(parsePutLine(line)).toEqual(expected);
          expect(echoOf(line)).toEqual(expected);
        },
      ),
    );
  });

  test('of telnet may hold an = in its metric', () => {
    const point = { metric: 'a=b', timestamp: 5n, value: '1', tags: new Map([['h', 'a']]) };
    expect(parsePutLine(formatTelnetPut(point))).toMatchObject({ metric: 'a=b', tags: { h: 'a' } });
  });

  test('of another kind is a bug', () => {
    expect(() => parsePutLine('rollup 1h-sum m 5 1 h=a')).toThrow('a put line has');
  });
});
