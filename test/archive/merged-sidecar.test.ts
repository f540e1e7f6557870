import { expect, test } from 'vitest';
import { partsFault, sumSidecars } from '../../src/archive/merge/merged-sidecar.ts';
import type { Sidecar } from '../../src/archive/format/sidecar.ts';

const part = (firstSeq: number, fields: Partial<Sidecar> = {}): Sidecar => ({
  lane: '00112233445566ff',
  level: 'minute',
  firstSeq,
  lastSeq: firstSeq + 9,
  fromMs: firstSeq * 100,
  toMs: firstSeq * 100 + 1_000,
  ordinal: 3,
  records: 10,
  points: 0,
  refused: 0,
  bypasses: 0,
  confirmed: null,
  instants: null,
  data: null,
  createdAt: 1,
  writer: 'tsdb-wal 0',
  ...fields,
});

const segment = {
  lane: '00112233445566ff',
  level: 'hour',
  firstSeq: 1,
  lastSeq: 30,
  fromMs: 100,
  toMs: 3_100,
} as const;

test('a merged sidecar counts what its parts count, and knows what the last of them knew', () => {
  const parts = [
    part(1, { points: 5, refused: 1, confirmed: 'a/4', instants: { from: 50, to: 70 } }),
    part(11, { points: 7, bypasses: 2, confirmed: 'a/14', instants: { from: -20, to: 60 } }),
    part(21, { refused: 2 }),
  ];
  expect(partsFault(segment, parts)).toBeUndefined();
  expect(sumSidecars(segment, parts, { createdAt: 9, writer: 'tsdb-wal 1' })).toEqual({
    ...segment,
    ordinal: 3,
    records: 30,
    points: 12,
    refused: 3,
    bypasses: 2,
    confirmed: 'a/14',
    instants: { from: -20, to: 70 },
    createdAt: 9,
    writer: 'tsdb-wal 1',
  });
  const idle = sumSidecars(segment, [part(1), part(11), part(21)], { createdAt: 9, writer: 'w' });
  expect(idle).toMatchObject({ points: 0, confirmed: null, instants: null });
});

test('a merged sidecar tells the forks of all its parts', () => {
  const fork = { id: '0123456789abcdef', at: 5, undone: [], receivedAt: 150 };
  const other = { ...fork, id: '1123456789abcdef', receivedAt: 2_150 };
  const parts = [part(1, { forks: [fork] }), part(11), part(21, { forks: [other] })];
  const { forks } = sumSidecars(segment, parts, { createdAt: 9, writer: 'w' });
  expect(forks).toEqual([fork, other]);
});

test('parts that say other counts than their names, or other lanes, are not merged', () => {
  const parts = [part(1), part(11), part(21)];
  expect(partsFault(segment, [...parts.slice(0, 2), part(21, { records: 9 })])).toContain(
    'records',
  );
  expect(partsFault(segment, [...parts.slice(0, 2), part(21, { ordinal: 4 })])).toContain('lane');
});
