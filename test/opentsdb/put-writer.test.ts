import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHttpPut, formatTelnetPut, parsePutLine } from '../../src/opentsdb/put-line.ts';
import { jsonBytesMax, writeJsonPoint, writeTelnetPoint } from '../../src/opentsdb/put-writer.ts';

const httpWord = fc.stringMatching(/^[a-z"\\ =é€😀]{1,10}$/u);
const telnetWord = fc.stringMatching(/^[a-zA-Z0-9./_"\\\u00a1-\u00ff-]{1,10}$/);
const timestamp = fc.bigInt({ min: 1n, max: 9_999_999_999_999n });
const value = fc.constantFrom('1', '-1.50', '9007199254740993', '1e5', ' 1.5 ', '1.5f');

function jsonOf(line: string): string {
  const bytes = Buffer.from(`..${line}\n`);
  const out = Buffer.alloc(jsonBytesMax(bytes.length - 3));
  return out.toString('utf8', 0, writeJsonPoint(bytes, 2, bytes.length - 1, { bytes: out, at: 0 }));
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

  test('by telnet is itself in ISO-8859-1', () => {
    const tags = fc.uniqueArray(fc.tuple(telnetWord, telnetWord), {
      minLength: 1,
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(telnetWord, timestamp, tags, (metric, time, pairs) => {
        const line = formatTelnetPut({
          metric,
          timestamp: time,
          value: '1.10',
          tags: new Map(pairs),
        });
        const bytes = Buffer.from(line);
        const out = Buffer.alloc(bytes.length + 1);
        const end = writeTelnetPoint(bytes, 0, bytes.length, { bytes: out, at: 0 });
        expect(out.toString('latin1', 0, end)).toBe(`${line}\n`);
      }),
    );
  });
});
