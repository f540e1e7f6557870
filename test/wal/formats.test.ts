import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cursor, parseCursor } from '../../src/wal/cursor.ts';
import { formatDurableMark, parseDurableMark } from '../../src/wal/durable-mark.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from '../../src/wal/segment-file.ts';
import { tempDirectory } from '../kit/temp.ts';
import { dataOf, readLog, TestLog } from '../kit/wal-log.ts';

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
  cursor.belongTo('http://tsdb:4242');
  await cursor.move(position);
  const again = await Cursor.open(folder.path, 'primary');
  expect([again.position, again.of]).toEqual([position, 'http://tsdb:4242']);
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

test('the example of docs/FORMATS.md is a log that is read as the page says', async () => {
  await using folder = await tempDirectory('example');
  const page = await readFile(new URL('../../docs/FORMATS.md', import.meta.url), 'utf8');
  const name = /`(\d{8}-[0-9a-f]{16}-\d{15}\.wal)`/.exec(page)?.[1] ?? '';
  const mark = /^ {4}([0-9a-f]{16} \d{8} \d{15} \d{15} [0-9a-f]{8})$/m.exec(page)?.[1] ?? '';
  await writeFile(join(folder.path, name), parseHexdump(page));
  await writeFile(join(folder.path, 'durable'), `${mark}\n`);
  const log = await TestLog.open(folder.path);
  expect(log.wal.recovered).toMatchObject({ holes: [], tornBytes: 0, end: { lastSeq: 2 } });
  const { entries, holes } = await readLog(log.wal);
  expect(holes).toEqual([]);
  expect(dataOf(entries)).toEqual([['00112233445566ff/2', 'put sys.cpu 1750000000 1.10 host=a']]);
  await log.wal.close();
  const cursor = /^ {4}(\{"lane":.*\})$/m.exec(page)?.[1] ?? '';
  expect(parseCursor(cursor, 'primary.json')).toMatchObject({ ordinal: 1, seq: 2 });
});

/** The bytes that `hexdump -C` shows; `*` stands for repeated lines. */
function parseHexdump(page: string): Buffer {
  const rows = [...page.matchAll(/^([0-9a-f]{8})(?: {2}([0-9a-f ]+?) {2,}\|.*)?$/gm)];
  const size = parseInt(rows.at(-1)?.[1] ?? '', 16);
  const bytes = Buffer.alloc(size);
  for (const [, offset = '', digits = ''] of rows) {
    bytes.set(Buffer.from(digits.replaceAll(' ', ''), 'hex'), parseInt(offset, 16));
  }
  return bytes;
}
