import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cellGroup,
  isSameByHttp,
  isSameWrite,
  PointKey,
  PointKeyReader,
} from '../../src/follow/deliver/point-key.ts';
import { WORD_SLACK_BYTES } from '../../src/record/line-buffer.ts';
import { formOf } from '../kit/tsd-storage.ts';

function keyOf(line: string, isTelnet = false): PointKey {
  const key = new PointKey();
  const bytes = Buffer.from(`xx${line}\n${' '.repeat(WORD_SLACK_BYTES)}`);
  const end = bytes.length - WORD_SLACK_BYTES - 1;
  if (new PointKeyReader(bytes).read(2, isTelnet, key) !== end)
    throw new Error('not the line’s end');
  return key;
}

function cellOf(line: string, isTelnet = false): number {
  const { high, low } = keyOf(line, isTelnet);
  return cellGroup(high, low);
}

function lowOf(value: string): number {
  return keyOf(`put m 1700000000 ${value} h=x`, true).low;
}

const word = fc.stringMatching(/^[a-zA-Z0-9._/-]{1,12}$/);
const tags = fc.uniqueArray(fc.tuple(word, word), {
  minLength: 1,
  maxLength: 5,
  selector: ([key]) => key,
});
const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const small = fc.integer({ min: -70_000, max: 70_000 }).map(String);
const float = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.tuple(small, fc.stringMatching(/^\d{1,17}$/)).map(([whole, rest]) => `${whole}.${rest}`),
);
const value = fc.oneof(integer, small, float);

describe('the key of a point', () => {
  test('is the same for one instant in seconds and in milliseconds, and for any order of tags', () => {
    fc.assert(
      fc.property(
        word,
        tags,
        fc.integer({ min: 5_000_000, max: 4_000_000_000 }),
        (metric, pairs, second) => {
          const texts = pairs.map(([key, text]) => `${key}=${text}`);
          const one = cellOf(`put ${metric} ${second} 1 ${texts.join(' ')}`);
          expect(
            cellOf(`put ${metric} ${second}000 1.5 ${texts.toReversed().join(' ')}`, true),
          ).toBe(one);
          expect(cellOf(`put ${metric} ${second}001 1 ${texts.join(' ')}`)).not.toBe(one);
          expect(cellOf(`put ${metric}x ${second} 1 ${texts.join(' ')}`)).not.toBe(one);
          expect(cellOf(`put ${metric} ${second} 1 ${texts.join(' ')}x`)).not.toBe(one);
        },
      ),
    );
  });

  test('tells forms apart as OpenTSDB stores them', () => {
    const timestamp = fc.constantFrom('1700000000', '1700000000000');
    const write = fc.record({ value, timestamp, transport: fc.constantFrom('http', 'telnet') });
    fc.assert(
      fc.property(write, write, (one, two) => {
        const [a, b] = [one, two].map(
          (point) =>
            keyOf(`put m ${point.timestamp} ${point.value} h=x`, point.transport === 'telnet').low,
        );
        const [formA, formB] = [one, two].map((point) =>
          formOf({ metric: 'm', tags: {}, ...point }),
        );
        expect(isSameWrite(a ?? 0, b ?? 0)).toBe(formA === formB && one.value === two.value);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['127', '-128', true],
    ['127', '128', false],
    ['32767', '-32768', true],
    ['2147483647', '2147483648', false],
    ['-2147483648', '70000', true],
    ['9007199254740993', '-9223372036854775808', true],
    ['1', '1.0', false],
    ['1.5', '2.5', true],
    ['1.5', '0.1', false],
    ['1e5', '1.5', true],
    ['+5', '5', true],
    ['1.5f', '2.5', true],
  ])('by telnet %s and %s have the same form: %s', (one, two, isSame) => {
    const [a, b] = [one, two].map((text) => keyOf(`put m 1700000000 ${text} h=x`, true).low & 15);
    expect(a === b).toBe(isSame);
  });

  test('knows which telnet values HTTP stores in another form', () => {
    expect(['1', '0.1', '1.5', '0x1p3'].map((text) => isSameByHttp(lowOf(text)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('does not collide over many series and instants', () => {
    const seen = new Set<number>();
    for (let series = 0; series < 300; series += 1) {
      for (let second = 0; second < 1_000; second += 1) {
        seen.add(cellOf(`put sys.cpu ${1_700_000_000 + second} 1 host=web${series} dc=a`));
      }
    }
    expect(seen.size).toBe(300_000);
  });
});
