import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatDataName,
  formatObjectName,
  formatSidecarName,
  LEVELS,
  mayBeWrittenTo,
  monthFolder,
  monthOf,
  type ObjectName,
  parseObjectName,
  type SegmentName,
} from '../../src/archive/format/object-names.ts';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), {
      minLength: length,
      maxLength: length,
    })
    .map((digits) => digits.join(''));
const lane = hex(16);
const seq = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const time = fc.integer({ min: 0, max: 9_999_999_999_999 });
const ordered = (value: fc.Arbitrary<number>) =>
  fc.tuple(value, value).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

const segment: fc.Arbitrary<SegmentName> = fc
  .tuple(lane, fc.constantFrom(...LEVELS), ordered(seq), ordered(time))
  .map(([id, level, [firstSeq, lastSeq], [fromMs, toMs]]) => {
    return { lane: id, level, firstSeq, lastSeq, fromMs, toMs };
  });

const objectName: fc.Arbitrary<ObjectName> = fc.oneof(
  fc.constant({ kind: 'repository' } as const),
  lane.map((id) => ({ kind: 'begin', lane: id }) as const),
  fc.tuple(lane, ordered(seq)).map(([id, [firstSeq, lastSeq]]) => {
    return { kind: 'hole', lane: id, firstSeq, lastSeq } as const;
  }),
  segment.map((fields) => ({ kind: 'sidecar', ...fields }) as const),
  fc
    .tuple(segment, hex(8))
    .map(([fields, random]) => Object.assign({ kind: 'data' as const, random }, fields)),
  time.map((epochMs) => ({ kind: 'index', month: monthOf(epochMs) }) as const),
);

test('every name is read back as it was made', () => {
  fc.assert(
    fc.property(objectName, (name) => {
      expect(parseObjectName(formatObjectName(name))).toEqual(name);
    }),
  );
});

test('a text with another character is another name, or none', () => {
  const character = fc.constantFrom(...Array.from('0123456789abcdefxyz-_./ A'));
  fc.assert(
    fc.property(objectName, fc.nat(), character, (name, place, other) => {
      const text = formatObjectName(name);
      const at = place % text.length;
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      const parsed = parseObjectName(changed);
      expect(parsed === undefined || formatObjectName(parsed) === changed).toBe(true);
      fc.pre(changed !== text);
      expect(parsed).not.toEqual(name);
    }),
  );
});

test('the names of a lane and level sort as its records do', () => {
  fc.assert(
    fc.property(segment, segment, (a, b) => {
      const other = { ...b, lane: a.lane, level: a.level };
      // Receive times never go back within a lane.
      if (a.lastSeq >= other.firstSeq || a.toMs > other.toMs) return;
      expect(formatSidecarName(a) < formatSidecarName(other)).toBe(true);
    }),
  );
});

test('a segment is in the folder of the UTC day of its last record', () => {
  const name: SegmentName = {
    lane: '00112233445566ff',
    level: 'minute',
    firstSeq: 7,
    lastSeq: 90,
    fromMs: Date.UTC(2025, 11, 31, 23, 59, 30),
    toMs: Date.UTC(2026, 0, 1, 0, 0, 30),
  };
  const stem =
    'lanes/00112233445566ff/minute/2026/01/01/000000000000007-000000000000090_1767225570000-1767225630000';
  expect(formatSidecarName(name)).toBe(`${stem}.json`);
  expect(formatDataName(name, '89abcdef')).toBe(`${stem}.89abcdef.parquet`);
  const folder = monthFolder(name.lane, name.level, monthOf(name.toMs));
  expect(folder).toBe('lanes/00112233445566ff/minute/2026/01');
});

test.each([
  [
    'another day than its time',
    'lanes/00112233445566ff/minute/2026/01/02/000000000000007-000000000000090_1767225570000-1767225630000.json',
  ],
  [
    'sequences the wrong way round',
    'lanes/00112233445566ff/minute/2026/01/01/000000000000090-000000000000007_1767225570000-1767225630000.json',
  ],
  [
    'times the wrong way round',
    'lanes/00112233445566ff/minute/2026/01/01/000000000000007-000000000000090_1767225640000-1767225630000.json',
  ],
  [
    'a level unknown',
    'lanes/00112233445566ff/week/2026/01/01/000000000000007-000000000000090_1767225570000-1767225630000.json',
  ],
  [
    'a hole the wrong way round',
    'lanes/00112233445566ff/holes/000000000000007-000000000000006.json',
  ],
  ['a month that is none', 'index/2026-13.json'],
  ['a file of someone else', 'lanes/README.txt'],
])('%s is no name', (_what, name) => {
  expect(parseObjectName(name)).toBeUndefined();
});

test('folders of months that ended long ago are written to no more', () => {
  const isWrittenTo = mayBeWrittenTo(Date.UTC(2026, 10, 15));
  const folders = [
    '',
    'lanes',
    'lanes/0a',
    'lanes/0a/minute',
    'lanes/0a/minute/2025',
    'index/2025-01',
  ];
  expect(folders.filter(isWrittenTo)).toEqual(folders);
  const months = ['2025/11', '2026/09', '2026/10', '2026/11', '2027/01'].map(
    (month) => `lanes/0a/minute/${month}`,
  );
  expect(months.filter(isWrittenTo)).toEqual(months.slice(2));
  expect(isWrittenTo(`${months[1]}/30`)).toBe(false);
});
