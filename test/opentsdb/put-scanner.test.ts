import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { parsePutJson } from '../../src/opentsdb/put-json.ts';
import { DEFAULT_RULES, UNKNOWN_RULES } from '../../src/opentsdb/put-rules.ts';
import type { PutRules } from '../../src/opentsdb/put-rules.ts';
import { scanPutBody } from '../../src/opentsdb/put-scanner.ts';
import { mutated, putBodies } from './put-texts.ts';

const anyRules: fc.Arbitrary<PutRules> = fc.oneof(
  fc.constantFrom(DEFAULT_RULES, UNKNOWN_RULES),
  fc.record({ tagsMax: fc.integer({ min: 0, max: 20 }), specialChars: fc.constant(':= ') }),
);

function scan(body: Buffer | string, rules = DEFAULT_RULES): { count: number; lines: string } {
  const out = new LineBuffer(16);
  out.push('before');
  const count = scanPutBody(Buffer.from(body), rules, out);
  const lines = out.view().toString();
  expect(lines.startsWith('before\n')).toBe(true);
  expect(out.count).toBe(1 + Math.max(0, count));
  return { count, lines: lines.slice('before\n'.length) };
}

/** Checks what the scanner made of a body against the slow path, and says whether it accepted it. */
function agree(body: Buffer, rules: PutRules): boolean {
  const { count, lines } = scan(body, rules);
  const accepts = count >= 0;
  const out = new LineBuffer(16);
  const outcome = accepts ? parsePutJson(body, rules, out) : undefined;
  const all = { kind: 'points', accepted: count, failures: [], inputIndexes: undefined };
  expect(outcome).toEqual(accepts ? all : undefined);
  expect(lines).toBe(out.view().toString());
  return accepts;
}

describe('the put scanner', () => {
  test('writes one line a point, values as sent', () => {
    const body =
      '[{"metric":"sys.cpu","timestamp":1795387274,"value":1.10,"tags":{"host":"web-1/a_b","cpu":"3"}},\r\n' +
      ' { "metric" : "m" , "timestamp" : 9999999999999 , "value" : "-1e5" , "tags" : { "h" : "a" } } ] ';
    expect(scan(body)).toEqual({
      count: 2,
      lines: 'put sys.cpu 1795387274 1.10 host=web-1/a_b cpu=3\nput m 9999999999999 -1e5 h=a\n',
    });
  });

  test.each([
    '{"metric":"m","tags":{"h":"a"},"timestamp":5,"value":7}',
    '{"tags":{"h":"a"},"value":"7","timestamp":5,"metric":"m"}',
    '{ "value" : 7 , "metric" : "m" , "tags" : { "h" : "a" } , "timestamp" : 5 }',
  ])('takes the members in any order: %s', (body) => {
    expect(scan(body)).toEqual({ count: 1, lines: 'put m 5 7 h=a\n' });
  });

  test.each([
    '',
    ' ',
    '[]',
    '{}',
    '{',
    '}',
    '[{]',
    '{"metric":"m","timestamp":5,"value":7,"tags":{"h":"a"}',
    '[{"metric":"m","timestamp":5,"value":7,"tags":{"h":"a"}]',
    '{"metric":"m","timestamp":5,"value":7,"tags":{"h":"a"}}}',
    '{"metric":"m","timestamp":5,"value":7,"tags":{}}',
    '{"metric":"m","timestamp":5,"value":7,"tags":{"h":"a","h":"a"}}',
    '{"metric":"m","metric":"m","timestamp":5,"value":7}',
    '{"metric":"m","timestamp":5,"value":07,"tags":{"h":"a"}}',
    '{"metric":"m","timestamp":5,"value":1234567890123456789,"tags":{"h":"a"}}',
    '{"metric":"m","timestamp":05,"value":7,"tags":{"h":"a"}}',
  ])('leaves to the slow path: %s', (body) => {
    expect(scan(body)).toEqual({ count: -1, lines: '' });
  });

  test('leaves a name that may be too long to the slow path', () => {
    const body = `{"metric":"${'m'.repeat(32_768)}","timestamp":5,"value":7,"tags":{"h":"a"}}`;
    expect(scan(body).count).toBe(-1);
  });

  test('appends nothing when a later point is not certain', () => {
    const good = '{"metric":"m","timestamp":5,"value":7,"tags":{"h":"a"}}';
    expect(scan(`[${good},${good},{}]`)).toEqual({ count: -1, lines: '' });
  });

  test('whatever it accepts of nearly valid bodies, the slow path accepts with equal lines', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutated(putBodies), anyRules, (body, rules) => {
        if (agree(body, rules)) accepted += 1;
      }),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(40);
  });

  test('random bytes are left to the slow path, whole or cut out of a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(9), (bytes, offset) => {
        agree(Buffer.from(bytes).subarray(offset), UNKNOWN_RULES);
      }),
    );
  });
});
