import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { option, type Option } from '../../src/config/option.ts';
import { environmentNameOf, flagOf } from '../../src/config/option-table.ts';

const says = 'What it does.';
const text = option.string({ default: 'a', describe: says });
const flag = option.boolean({ default: false, describe: says });
const choice = option.choice(['all', 'wal'], { default: 'all', describe: says });
const integer = option.integer({ default: 4, min: 1, max: 9, describe: says });
const bytes = option.bytes({ default: '1MiB', max: '1GiB', describe: says });
const duration = option.duration({ default: '1s', describe: says });
const address = option.address({ default: '127.0.0.1:1', describe: says });
const url = option.url({ default: 'http://a:1', describe: says });
const path = option.path({ default: './data', describe: says });
const list = option.list({ default: ['/q'], item: /^\//, expects: 'paths', describe: says });

describe('an option', () => {
  test.each<[string, Option<unknown>, unknown, unknown]>([
    ['text', text, 'b', 'b'],
    ['boolean', flag, true, true],
    ['boolean text', flag, 'false', false],
    ['choice', choice, 'wal', 'wal'],
    ['integer', integer, 9, 9],
    ['integer text', integer, '1', 1],
    ['bytes', bytes, '1GiB', 1_073_741_824],
    ['duration', duration, '24d', 2_073_600_000],
    ['address', address, '2', { host: '127.0.0.1', port: 2 }],
    ['url', url, 'http://tsdb:4242/', 'http://tsdb:4242'],
    ['path', path, 'x/../y', resolve('y')],
    ['list', list, ['/a', '/b'], ['/a', '/b']],
    ['list text', list, '/a,/b', ['/a', '/b']],
    ['empty list', list, '', []],
  ])('takes a right %s', (_kind, one, raw, value) => {
    expect(one.schema.parse(raw)).toEqual(value);
  });

  test.each<[string, Option<unknown>, readonly unknown[]]>([
    ['text', text, ['', 1, null]],
    ['boolean', flag, ['yes', 1, '', null]],
    ['choice', choice, ['none', '', null]],
    ['integer', integer, [0, 10, 1.5, '1e0', '', null, true]],
    ['bytes', bytes, ['0B', '2GiB', '1MB', null]],
    ['duration', duration, [0, '25d', '1', null]],
    ['address', address, ['', 'a', null]],
    ['url', url, ['tsdb:4242', 'https://a', 'http://a/b', 'http://u:p@a', 'http://a?q', '', null]],
    ['path', path, ['', 1, null]],
    ['list', list, ['a', ['a'], [1], 1, null]],
  ])('refuses a wrong %s', (_kind, one, raws) => {
    expect(raws.filter((raw) => one.schema.safeParse(raw).success)).toEqual([]);
  });

  test.each<[string, Option<unknown>]>([
    ['text', text],
    ['boolean', flag],
    ['choice', choice],
    ['integer', integer],
    ['bytes', bytes],
    ['duration', duration],
    ['address', address],
    ['url', url],
    ['list', list],
  ])('writes a %s as it is read', (_kind, one) => {
    expect(one.format(one.schema.parse(one.default))).toEqual(one.default);
  });

  test('has its flag and its environment name from its key', () => {
    expect(flagOf('wal.bytesMax')).toBe('--wal-bytes-max');
    expect(environmentNameOf('wal.bytesMax')).toBe('TSDB_WAL_WAL_BYTES_MAX');
    expect(flagOf('listen')).toBe('--listen');
  });
});
