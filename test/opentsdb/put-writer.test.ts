import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHttpPut, parsePutLine } from '../../src/opentsdb/put-line.ts';
import { formatJsonPoint } from '../../src/opentsdb/put-writer.ts';

const httpWord = fc.stringMatching(/^[a-z"\\ =é€😀]{1,10}$/u);
const timestamp = fc.bigInt({ min: 1n, max: 9_999_999_999_999n });
const value = fc.constantFrom('1', '-1.50', '9007199254740993', '1e5', ' 1.5 ', '1.5f');

function jsonOf(line: string): string {
  return formatJsonPoint(line).toString('utf8');
}

describe('a put line', () => {
  test('is in JSON what the line says', () => {
    const tags = fc.uniqueArray(fc.tuple(httpWord, httpWord), {
      minLength: 1,
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(httpWord, timestamp, value, tags, (metric, time, text, pairs) => {
        const point = { metric, timestamp: time, value: text, tags: new Map(pairs) };
        const line = formatHttpPut(point);
        const sent = JSON.parse(jsonOf(line)) as { timestamp: number };
        expect({ ...sent, timestamp: String(sent.timestamp) }).toEqual(parsePutLine(line));
      }),
    );
  });

  test('keeps the text of its value', () => {
    expect(jsonOf('put m 1 9007199254740993 a=b c=d')).toBe(
      '{"metric":"m","timestamp":1,"value":"9007199254740993","tags":{"a":"b","c":"d"}}',
    );
  });
});
