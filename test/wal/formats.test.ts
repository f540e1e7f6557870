import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cursor } from '../../src/wal/cursor.ts';
import { formatDurableMark, parseDurableMark } from '../../src/wal/durable-mark.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from '../../src/wal/segment-file.ts';
import { tempDirectory } from '../kit/temp.ts';

const seq = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const ordinal = fc.integer({ min: 1, max: 99_999_999 });
const lane = fc.array(fc.constantFrom(...Array.from('0123456789abcdef')), {
  minLength: 16,
  maxLength: 16,
});
const laneId = lane.map((digits) => digits.join(''));
const header = fc.record({
  lane: laneId,
  ordinal,
  firstSeq: seq,
  createdAt: seq,
  previous: fc.option(fc.record({ lane: laneId, firstSeq: seq, lastSeq: seq }), { nil: undefined }),
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
});

function flipBit(bytes: Buffer, bit: number): void {
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
}

test('a file header is read back as it was written, and no flipped bit goes unnoticed', () => {
  fc.assert(
    fc.property(header, fc.nat(SEGMENT_HEADER_BYTES * 8 - 1), (fields, bit) => {
      const bytes = encodeSegmentHeader(fields);
      expect(decodeSegmentHeader(bytes)).toEqual(fields);
      expect(decodeSegmentHeader(bytes.subarray(0, bit >> 3))).toBeUndefined();
      flipBit(bytes, bit);
      expect(decodeSegmentHeader(bytes)).toBeUndefined();
    }),
  );
});

test('file names sort as positions do', () => {
  const id = fc.record({ ordinal, lane: laneId, firstSeq: seq });
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(parseSegmentName(segmentName(a))).toEqual(a);
      if (a.ordinal === b.ordinal) return;
      expect(segmentName(a) < segmentName(b)).toBe(a.ordinal < b.ordinal);
    }),
  );
  for (const name of ['durable', 'x.wal', '1-0123456789abcdef-1.wal']) {
    expect(parseSegmentName(name)).toBeUndefined();
  }
});

test('a durable mark is read back as it was written; a changed or half overwritten one is none', () => {
  const mark = fc.record({ lane: laneId, ordinal, segmentFirstSeq: seq, seq });
  fc.assert(
    fc.property(mark, mark, fc.nat(), (before, after, place) => {
      const text = formatDurableMark(before);
      expect(text).toHaveLength(67);
      expect(parseDurableMark(text)).toEqual(before);
      const cut = place % text.length;
      const mixed = formatDurableMark(after).slice(0, cut) + text.slice(cut);
      expect([before, after, undefined]).toContainEqual(parseDurableMark(mixed));
      const bytes = Buffer.from(text, 'latin1');
      flipBit(bytes, place % (text.length * 8));
      expect(parseDurableMark(bytes.toString('latin1'))).toBeUndefined();
    }),
  );
});

test('a cursor is where it was last moved to; a changed one is refused, not followed', async () => {
  await using folder = await tempDirectory('cursor');
  const cursor = await Cursor.open(folder.path, 'primary');
  expect(cursor.position).toBeUndefined();
  const position = { lane: '0123456789abcdef', ordinal: 3, seq: 123_456 };
  await cursor.move(position);
  expect((await Cursor.open(folder.path, 'primary')).position).toEqual(position);
  const path = join(folder.path, 'cursors', 'primary.json');
  const whole = JSON.stringify({ ...position, crc: 'x' });
  for (const text of ['', '{', 'null', '[]', whole, whole.replace('123456', '923456')]) {
    await writeFile(path, text);
    await expect(Cursor.open(folder.path, 'primary')).rejects.toMatchObject({
      code: 'DATA_UNUSABLE',
      message: expect.stringContaining('primary.json') as string,
    });
  }
});
