import fc from 'fast-check';
import { formatHttpPut, formatTelnetPut } from '../../src/opentsdb/put-line.ts';
import { formatControl } from '../../src/record/control.ts';
import type { PlainRecord } from '../kit/plain-rows.ts';

export const LANE = '00112233445566ff';

const ODD = [
  '\t',
  '\r',
  '\u0001',
  '\u0000',
  '"',
  "'",
  '\\',
  '#',
  '%',
  ',',
  '{',
  '}',
  '\u007f',
  'é',
  'ÿ',
  '²',
  '\u00a0',
  // DuckDB's reader for Node takes one at the beginning for a mark of byte order.
  'x\ufeff',
  '温',
  '😀',
  '\\N',
  'NULL',
  '\u0001t',
];
const odd = fc.constantFrom(...ODD);
const word = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z0-9._/-]{1,8}$/) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof(odd, fc.constantFrom('a', 'b', '-')), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('')),
  },
);
const jsonWord = fc.oneof(
  { weight: 4, arbitrary: word },
  fc.constantFrom(' ', 'a b', 'a=b', '\n', ' 1.5 \n', '%3D', '='),
);
const timestamp = fc.oneof(
  fc.bigInt({ min: 1n, max: 9_999_999_999_999n }),
  fc.constantFrom(4_294_967_295n, 4_294_967_296n, 1n),
);
const tagsOf = (part: fc.Arbitrary<string>): fc.Arbitrary<Map<string, string>> =>
  fc.array(fc.tuple(part, part), { minLength: 1, maxLength: 5 }).map((pairs) => new Map(pairs));
const telnetWord = word.map((text) => text.replaceAll('=', '-'));
const telnetPut = fc
  .record({ metric: word, timestamp, value: word, tags: tagsOf(telnetWord) })
  .map(formatTelnetPut);
const httpPut = fc
  .record({ metric: jsonWord, timestamp, value: jsonWord, tags: tagsOf(jsonWord) })
  .map(formatHttpPut);
const control = fc.constantFrom(
  '!open {"version":"0.1.0","previous":null,"reason":"start","holes":[]}',
  '!tick {"confirmed":"00112233445566ff/7"}',
  '!tick {"confirmed":null}',
  formatControl({
    kind: 'outcome',
    lane: LANE,
    seq: 2,
    refused: [{ index: 0, error: "a\tb \u0001 é '" }],
  }),
  '!bypass {"method":"POST","path":"/api/uid/assign?metric=%09","source":"10.0.0.1:1"}',
  '!fence {"of":"a newer version"}',
);
const content = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constant('http'), fc.array(httpPut, { minLength: 1, maxLength: 15 })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant('telnet'), fc.array(telnetPut, { minLength: 1, maxLength: 5 })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('log'),
      control.map((line) => [line]),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<[string, string[]]>([
      'http',
      ['http DELETE /api/query?m=\u0001\t\r {}'],
    ]),
  },
);
/** Consecutive records, of all that a log may hold. */
export const records: fc.Arbitrary<PlainRecord[]> = fc
  .record({
    firstSeq: fc.integer({ min: 1, max: 1e12 }),
    some: fc.array(content, { minLength: 1, maxLength: 12 }),
  })
  .map(({ firstSeq, some }) =>
    some.map(([transport, text], index) => ({
      seq: firstSeq + index,
      receivedAt: 1_750_000_000_000 + index * 7,
      transport,
      source: transport === 'log' ? '-' : `10.0.0.${index}:4242`,
      lines: text,
    })),
  );
