import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { parsePutBody } from '../../src/opentsdb/put-body.ts';
import type { PutBodyResult } from '../../src/opentsdb/put-result.ts';
import { DEFAULT_RULES, UNKNOWN_RULES } from '../../src/opentsdb/put-rules.ts';

function parse(body: string, rules = DEFAULT_RULES): { result: PutBodyResult; lines: string } {
  const out = new LineBuffer(16);
  const result = parsePutBody(Buffer.from(body), rules, out);
  return { result, lines: out.view().toString() };
}

const bodyOf = (members: Record<string, string>): string => {
  const all = { metric: '"m"', timestamp: '5', value: '1', tags: '{"h":"a"}', ...members };
  const texts = Object.entries(all).map(([name, json]) => `"${name}":${json}`);
  return `{${texts.join(',')}}`;
};

const errorOf = (body: string, rules = DEFAULT_RULES): string | undefined => {
  const { result } = parse(body, rules);
  return result.kind === 'points' ? result.failures[0]?.error : result.message;
};

const PARSE_ERROR = 'Unable to parse the given JSON';

describe('a body of POST /api/put', () => {
  test('with refused points keeps the places of the accepted ones', () => {
    const body = `[${bodyOf({})},null,${bodyOf({ value: '"x"' })},${bodyOf({ value: '2.50' })}]`;
    const { result, lines } = parse(body);
    expect(lines).toBe('put m 5 1 h=a\nput m 5 2.50 h=a\n');
    expect(result).toEqual({
      kind: 'points',
      accepted: 2,
      inputIndexes: [0, 3],
      failures: [
        { index: 1, datapoint: null, error: 'Unexpected null datapoint encountered in set.' },
        {
          index: 2,
          datapoint: { metric: 'm', timestamp: '5', value: 'x', tags: { h: 'a' } },
          error: 'Unable to parse value to a number',
        },
      ],
    });
  });

  test('with more bad points than an answer should tell is refused whole', () => {
    const { result, lines } = parse(`[${bodyOf({})}${',{}'.repeat(100_001)}]`);
    expect(result).toMatchObject({ kind: 'refused', status: 413 });
    expect(lines).toBe('');
  });

  test.each([
    ['', 400, 'Missing request content'],
    [' \t\0', 500, 'String index out of range: 0'],
    ['null', 400, 'The JSON must start as an object or an array'],
    ['\ufeff{}', 400, 'The JSON must start as an object or an array'],
    ['[]', 400, 'No datapoints found in content'],
    ['[{}', 400, PARSE_ERROR],
    ['[1]', 400, PARSE_ERROR],
    [`[${bodyOf({})},]`, 400, PARSE_ERROR],
    [`[${bodyOf({})},${bodyOf({ value: '[]' })}]`, 400, PARSE_ERROR],
    [bodyOf({ foo: '[1,{"a":}]' }), 400, PARSE_ERROR],
    [bodyOf({ metric: '"a\tb"' }), 400, PARSE_ERROR],
    [bodyOf({ metric: '"\\x"' }), 400, PARSE_ERROR],
    [bodyOf({ tsuid: '[]' }), 400, PARSE_ERROR],
  ])('is refused as a whole: %j', (body, status, message) => {
    const { result, lines } = parse(body);
    expect(result).toMatchObject({ kind: 'refused', status, message });
    expect(lines).toBe('');
  });

  test('may be followed by anything and hold unknown and repeated members', () => {
    const unknown = { foo: `${'['.repeat(50_000)}1${']'.repeat(50_000)}`, x: '{"y":[{},"]"]}' };
    const { lines } = parse(`${bodyOf(unknown)} xyz`);
    expect(lines).toBe('put m 5 1 h=a\n');
    expect(
      parse('{"value":1,"value":2,"metric":"m","timestamp":5,"tags":{"h":"a","h":"b"}}').lines,
    ).toBe('put m 5 2 h=b\n');
  });

  test.each([
    ['1795387274.9', '1795387274'],
    ['1e9', '1000000000'],
    ['"+5"', '5'],
    ['" 5 "', '5'],
    ['"\\u0035"', '5'],
    ['4294967296', '4294967296'],
  ])('may give the timestamp as %s', (timestamp, parsed) => {
    expect(parse(bodyOf({ timestamp })).lines).toBe(`put m ${parsed} 1 h=a\n`);
  });

  test.each([
    ['null', 'Invalid timestamp'],
    ['""', 'Invalid timestamp'],
    ['"null"', 'Invalid timestamp'],
    ['0.9', 'Invalid timestamp'],
    ['NaN', 'Invalid timestamp'],
    ['-9.3e18', PARSE_ERROR],
    ['Infinity', PARSE_ERROR],
    ['"1.5"', PARSE_ERROR],
    ['"1e9"', PARSE_ERROR],
    ['true', PARSE_ERROR],
    ['9223372036854775808', PARSE_ERROR],
    [
      '10000000000000',
      'bad timestamp=10000000000000 when trying to add value=[1]/0 to metric=m, tags={h=a}',
    ],
    [
      '9223372036854775808.0',
      'bad timestamp=9223372036854775807 when trying to add value=[1]/0 to metric=m, tags={h=a}',
    ],
  ])('may not give the timestamp as %s', (timestamp, error) => {
    expect(errorOf(bodyOf({ timestamp }))).toBe(error);
  });

  test.each([
    [{ metric: '5', tags: '{"h":1.50,"b":true}' }, 'put 5 5 1 h=1.50 b=true\n'],
    [{ value: '"1.5f"' }, 'put m 5 1.5f h=a\n'],
    [{ metric: '"\\u00e9/\\u0061"' }, 'put é/a 5 1 h=a\n'],
    [{ tags: '{"2":"a","1":"b"}' }, 'put m 5 1 2=a 1=b\n'],
    [
      { value: '" 1.5 "' },
      'http POST /api/put {"metric":"m","timestamp":5,"value":" 1.5 ","tags":{"h":"a"}}\n',
    ],
  ])('%j becomes its line', (members, line) => {
    expect(parse(bodyOf(members)).lines).toBe(line);
  });

  test.each([
    [{ metric: 'null' }, 'Metric name was empty'],
    [{ value: 'null' }, 'Empty value'],
    [{ tags: 'null' }, 'Missing tags'],
    [{ value: '1e400' }, 'value is NaN or Infinite: Infinity for metric=m timestamp=5'],
    [{ metric: '"温"' }, 'Invalid metric name ("温"): illegal character: 温'],
    [{ tags: '{"h":null}' }, 'Invalid tag value with key [h]: null'],
    [{ tags: '{"":"v"}' }, 'Invalid tag name with value [v]: empty string'],
    [{ tags: '{"h":"a b"}' }, 'Invalid tag value with key [h] ("a b"): illegal character:  '],
    [{ metric: `"${'m'.repeat(32_768)}"` }, 'Unexpected exception'],
  ])('%# is refused with OpenTSDB’s words', (members, error) => {
    expect(errorOf(bodyOf(members))).toBe(error);
  });

  test('has names as free as the rules say', () => {
    const body = bodyOf({ metric: '"a b:c"' });
    const line =
      'http POST /api/put {"metric":"a b:c","timestamp":5,"value":"1","tags":{"h":"a"}}\n';
    expect(parse(body, UNKNOWN_RULES).lines).toBe(line);
    expect(parse(body, { tagsMax: 8, specialChars: ': ' }).lines).toBe(line);
    expect(errorOf(body, { tagsMax: 8, specialChars: ' ' })).toContain('illegal character: :');
    expect(errorOf(bodyOf({ metric: '"a\\u0007"' }), UNKNOWN_RULES)).toContain('illegal character');
  });

  test('has as many tags as the rules say', () => {
    const body = bodyOf({ tags: '{"a":"1","b":"2","c":"3"}' });
    const rules = { tagsMax: 2, specialChars: '' };
    expect(errorOf(body, rules)).toBe('Too many tags: 3 maximum allowed: 2, tags: {a=1, b=2, c=3}');
    expect(parse(body, UNKNOWN_RULES).lines).toBe('put m 5 1 a=1 b=2 c=3\n');
  });
});
