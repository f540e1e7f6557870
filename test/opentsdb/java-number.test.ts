import { describe, expect, test } from 'vitest';
import { parsePutValue } from '../../src/opentsdb/java-number.ts';

describe('a value is read as Java does', () => {
  test.each([
    ['7', 7n],
    ['+5', 5n],
    ['007', 7n],
    ['-0', 0n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
  ])('%j is the integer %s', (text, value) => {
    expect(parsePutValue(text)).toEqual({ kind: 'long', value });
  });

  test.each([
    ['1.0', 1],
    ['1e5', 100_000],
    ['-1E-2', -0.01],
    ['5.', 5],
    ['.5', 0.5],
    ['-0.0', -0],
    ['1.5f', 1.5],
    ['1e3D', 1000],
    [' 1.5\t', 1.5],
    ['1.5\0', 1.5],
    ['0x1.8p3', 12],
    ['-0x.8P1f', -1],
    ['0xep1', 28],
    ['0x1.p-1074', 5e-324],
    ['0x0.0p99999999999', 0],
    ['0x1.0p99999999999', Infinity],
    ['1e400', Infinity],
    ['-1e400', -Infinity],
    ['1e-400', 0],
    ['0e99999999999', 0],
  ])('%j is the float %s', (text, value) => {
    expect(parsePutValue(text)).toEqual({ kind: 'double', value });
  });

  test.each([
    ['', 'Empty string'],
    ['-', 'Just a sign, no value: -'],
    ['NaN', "Invalid character 'N' in NaN"],
    ['Infinity', "Invalid character 'I' in Infinity"],
    [' 1', "Invalid character ' ' in  1"],
    ['0x10', "Invalid character 'x' in 0x10"],
    ['9223372036854775808', 'Overflow in 9223372036854775808'],
    ['-9223372036854775809', 'Overflow in -9223372036854775809'],
    ['99999999999999999999', 'Value too long: 99999999999999999999'],
    ['1e', 'For input string: "1e"'],
    [' x.y ', 'For input string: "x.y"'],
    ['.', 'For input string: "."'],
    ['0x1.8', 'For input string: "0x1.8"'],
    ['1.5fd', 'For input string: "1.5fd"'],
    ['1.2.3', 'multiple points'],
    ['..', 'multiple points'],
  ])('%j is none: %s', (text, message) => {
    expect(parsePutValue(text)).toEqual({ kind: 'invalid', message });
  });

  test('a long wrong text is refused in linear time', () => {
    const text = `${'1'.repeat(100_000)}e`;
    expect(parsePutValue(text).kind).toBe('invalid');
  });
});
