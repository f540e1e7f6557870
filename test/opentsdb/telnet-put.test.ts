import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { DEFAULT_RULES, UNKNOWN_RULES } from '../../src/opentsdb/put-rules.ts';
import type { PutRules } from '../../src/opentsdb/put-rules.ts';
import { parseTelnetPut, scanTelnet } from '../../src/opentsdb/telnet-put.ts';
import { mutated, telnetLines } from './put-texts.ts';

interface Scanned {
  /** Canonical lines, of the fast and the slow path alike. */
  readonly lines: string;
  /** Lines handed to `other`. */
  readonly others: readonly string[];
  /** All that was handed to `other` and is no point, in order. */
  readonly replies: readonly string[];
}

/** Feeds the chunks as a connection would: complete lines only, the rest waits. */
function feed(chunks: readonly Buffer[], rules: PutRules): Scanned {
  const out = new LineBuffer(16);
  const others: string[] = [];
  const replies: string[] = [];
  let rest = Buffer.alloc(0);
  for (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    rest = Buffer.from(bytes.subarray(end));
    if (end === 0) continue;
    scanTelnet(bytes, end, rules, out, (line) => {
      others.push(line);
      if (!line.startsWith('put ')) replies.push(line);
      else {
        const put = parseTelnetPut(line, rules);
        if (put.kind === 'point') out.push(put.line);
        else replies.push(put.reply);
      }
    });
  }
  const lines = out.view().toString();
  expect(lines.split('\n').length - 1).toBe(out.count);
  return { lines, others, replies };
}

const one = (text: string, rules = DEFAULT_RULES): Scanned =>
  feed([Buffer.from(text, 'latin1')], rules);

const reply = (line: string, rules = DEFAULT_RULES): string | undefined => {
  const put = parseTelnetPut(line, rules);
  return put.kind === 'error' ? put.reply : undefined;
};

const point = (line: string, rules = DEFAULT_RULES): string | undefined => {
  const put = parseTelnetPut(line, rules);
  return put.kind === 'point' ? put.line : undefined;
};

describe('the telnet scanner', () => {
  test.each([
    ['put m 5 7 h=a\n', 'put m 5 7 h=a\n'],
    ['put m 1795387274 -1.50e3 h=a dc=b\r\n', 'put m 1795387274 -1.50e3 h=a dc=b\n'],
    [
      'put cpu.idle 1795387274 99.5  fqdn=web1  dc=x  \r\n',
      'put cpu.idle 1795387274 99.5 fqdn=web1 dc=x\n',
    ],
    ['put m 5 007 h=a\n', 'put m 5 007 h=a\n'],
  ])('takes %j itself', (text, lines) => {
    expect(one(text)).toEqual({ lines, others: [], replies: [] });
  });

  test('hands every other line over in its place, decoded and without its end', () => {
    const text = 'put a 5 1 h=a\nversion\r\n\nput b 6 1 h=\xe9\nput c 7 1 h=a\n\r\nput d 8 x h=a\n';
    expect(one(text)).toEqual({
      lines: 'put a 5 1 h=a\nput b 6 1 h=é\nput c 7 1 h=a\n',
      others: ['version', '', 'put b 6 1 h=\xe9', '', 'put d 8 x h=a'],
      replies: ['version', '', '', "put: invalid value: Invalid character 'x' in x"],
    });
  });

  test('reads no further than the end it was given', () => {
    const out = new LineBuffer(16);
    const chunk = Buffer.from('put a 5 1 h=a\nput b 6 1 h=');
    scanTelnet(chunk, 14, DEFAULT_RULES, out, () => expect.unreachable());
    expect(out.view().toString()).toBe('put a 5 1 h=a\n');
  });

  test('whatever it accepts, the slow path accepts with an equal line', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        mutated(telnetLines),
        fc.constantFrom(DEFAULT_RULES, UNKNOWN_RULES, { tagsMax: 3, specialChars: '' }),
        (bytes, rules) => {
          const text = bytes.toString('latin1').replaceAll('\n', ' ');
          const { lines, others } = one(`${text}\n`, rules);
          const line = text.endsWith('\r') ? text.slice(0, -1) : text;
          const canonical = line.startsWith('put ') ? point(line, rules) : undefined;
          expect(lines).toBe(canonical === undefined ? '' : `${canonical}\n`);
          expect([[], [line]]).toContainEqual(others);
          if (others.length === 0) accepted += 1;
        },
      ),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(40);
  });

  test('any chunking gives the same lines and replies', () => {
    fc.assert(
      fc.property(
        fc.array(mutated(telnetLines), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(200)),
        (texts, sizes) => {
          const bytes = Buffer.concat(texts.flatMap((text) => [text, Buffer.from('\r\n')]));
          const chunks: Buffer[] = [];
          let at = 0;
          for (const size of sizes) {
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          chunks.push(bytes.subarray(at));
          const { lines, replies } = feed(chunks, DEFAULT_RULES);
          const whole = feed([bytes], DEFAULT_RULES);
          expect(lines).toBe(whole.lines);
          expect(replies).toEqual(whole.replies);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('a telnet put is refused in the words of OpenTSDB', () => {
  test.each([
    ['put ', 'put: illegal argument: not enough arguments (need least 4, got 1)'],
    ['put m 5 1', 'put: illegal argument: not enough arguments (need least 4, got 3)'],
    ['put  m 5 1 h=a', 'put: illegal argument: empty metric name'],
    ['put m  5 1 h=a', 'put: invalid value: Empty string'],
    ['put m abc 1 h=a', "put: invalid value: Invalid character 'a' in abc"],
    ['put m - 1 h=a', 'put: invalid value: Just a sign, no value: -'],
    [
      'put m 99999999999999999999 1 h=a',
      'put: invalid value: Value too long: 99999999999999999999',
    ],
    ['put m 9223372036854775808 1 h=a', 'put: invalid value: Overflow in 9223372036854775808'],
    ['put m -5 1 h=a', 'put: illegal argument: invalid timestamp: -5'],
    ['put m 5  1 h=a', 'put: illegal argument: empty value'],
    ['put m 5 1 h', 'put: illegal argument: invalid tag: h'],
    ['put m 5 1 h=a=b', 'put: illegal argument: invalid tag: h=a=b'],
    ['put m 5 1 c=d h=a h=b', 'put: illegal argument: duplicate tag: h=b, tags={c=d, h=a}'],
    ['put m 5 x h', 'put: illegal argument: invalid tag: h'],
    ['put m 5 0x10 h=a', "put: invalid value: Invalid character 'x' in 0x10"],
    ['put m 5 1.e h=a', 'put: invalid value: For input string: "1.e"'],
    ['put m 5 1.2.3 h=a', 'put: invalid value: multiple points'],
    [
      'put m 5 -1e400 h=a',
      'put: illegal argument: value is NaN or Infinite: -Infinity for metric=m timestamp=5',
    ],
    [
      'put m 10000000000000 300 h=a',
      'put: illegal argument: bad timestamp=10000000000000 when trying to add value=[1, 44]/1 to metric=m, tags={h=a}',
    ],
    [
      'put m 10000000000000 1.5 h=a',
      'put: illegal argument: bad timestamp=10000000000000 when trying to add value=[63, -64, 0, 0]/11 to metric=m, tags={h=a}',
    ],
    [
      'put m 10000000000000 0.1 h=a',
      'put: illegal argument: bad timestamp=10000000000000 when trying to add value=[63, -71, -103, -103, -103, -103, -103, -102]/15 to metric=m, tags={h=a}',
    ],
    ['put m 5 1 ', 'put: illegal argument: Need at least one tag (metric=m, tags={})'],
    [
      'put m 5 1 t0=v t1=v t2=v t3=v t4=v t5=v t6=v t7=v t8=v',
      'put: illegal argument: Too many tags: 9 maximum allowed: 8, tags: {t4=v, t5=v, t6=v, t7=v, t8=v, t0=v, t1=v, t2=v, t3=v}',
    ],
    ['put a:b 5 1 h=a', 'put: illegal argument: Invalid metric name ("a:b"): illegal character: :'],
    [
      'put m 5 1 k*=v',
      'put: illegal argument: Invalid tag name with value [v] ("k*"): illegal character: *',
    ],
    [
      'put m 5 1 k=\xd7',
      'put: illegal argument: Invalid tag value with key [k] ("\xd7"): illegal character: \xd7',
    ],
  ])('%j', (line, expected) => {
    expect(reply(line)).toBe(expected);
  });

  test('a name too long for HBase, which OpenTSDB would lose in silence', () => {
    const refused = 'put: Unexpected runtime exception: Should never be here';
    expect(reply(`put ${'m'.repeat(32_768)} 5 1 h=a`)).toBe(refused);
    expect(reply(`put m 5 1 h=${'\xe9'.repeat(32_768)}`)).toBe(refused);
    expect(reply(`put ${'m'.repeat(32_767)} 5 1 h=a`)).toBeUndefined();
  });
});

describe('a telnet put becomes its canonical line', () => {
  test.each([
    ['put m 1500000000.500 1 h=a', 'put m 1500000000500 1 h=a'],
    ['put m 1.5 1 h=a', 'put m 15 1 h=a'],
    ['put m +0005 1.50 h=a', 'put m 5 1.50 h=a'],
    ['put m 5 1.5f h=a h=a  c=d ', 'put m 5 1.5f h=a c=d'],
    ['put \xe9 5 .5 h=\xba', 'put é 5 .5 h=º'],
  ])('%j', (line, expected) => {
    expect(point(line)).toBe(expected);
  });

  test('names are as free as the rules say', () => {
    expect(point('put a:b 5 1 h=a', { tagsMax: 8, specialChars: ':' })).toBe('put a:b 5 1 h=a');
    expect(point('put a:b 5 1 h=\xd7', UNKNOWN_RULES)).toBe('put a:b 5 1 h=×');
    expect(reply('put a\x01 5 1 h=a', UNKNOWN_RULES)).toContain('illegal character');
    const many = Array.from({ length: 20 }, (_, tag) => `t${tag}=v`).join(' ');
    expect(point(`put m 5 1 ${many}`, UNKNOWN_RULES)).toBe(`put m 5 1 ${many}`);
  });
});
