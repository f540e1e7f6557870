import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatControl, parseControl, type Control } from '../../src/record/control.ts';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  followsChain,
  laneSeed,
  sealFrame,
} from '../../src/record/frame.ts';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { formatRecordHeader, readLines, readRecords } from '../../src/record/record.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const lane = laneSeed('0123456789abcdef');

const frame = fc
  .record({
    body: fc.uint8Array({ maxLength: 3_000 }),
    offset: fc.nat(100),
    chain: uint32,
    firstSeq: uint48,
    records: fc.integer({ min: 1, max: 0xffff_ffff }),
    mutations: uint32,
    firstReceivedAt: uint48,
    lastReceivedAt: uint48,
  })
  .map(({ body, offset, chain, ...fields }) => {
    const bytes = Buffer.alloc(offset + FRAME_HEADER_BYTES + body.length);
    bytes.set(body, offset + FRAME_HEADER_BYTES);
    const sealed = { ...fields, bodyBytes: body.length };
    const next = sealFrame(bytes, offset, sealed, { lane, chain });
    return { bytes, offset, sealed, chain, next };
  });

test('a frame header is read back as it was sealed, and follows its chain', () => {
  fc.assert(
    fc.property(frame, ({ bytes, offset, sealed, chain, next }) => {
      const header = decodeFrameHeader(bytes, offset, lane);
      expect(header).toMatchObject({ ...sealed, chain: next });
      expect(followsChain(bytes, offset, chain)).toBe(true);
      expect(followsChain(bytes, offset, (chain ^ 1) >>> 0)).toBe(false);
      expect(decodeFrameHeader(bytes, offset, laneSeed('fedcba9876543210'))).toBeUndefined();
    }),
  );
});

test('no flipped bit of a frame header goes unnoticed', () => {
  fc.assert(
    fc.property(frame, fc.nat(FRAME_HEADER_BYTES * 8 - 1), ({ bytes, offset }, bit) => {
      bytes.writeUInt8(
        bytes.readUInt8(offset + (bit >> 3)) ^ (1 << (bit & 7)),
        offset + (bit >> 3),
      );
      expect(decodeFrameHeader(bytes, offset, lane)).toBeUndefined();
    }),
  );
});

test('a header cut short is none', () => {
  fc.assert(
    fc.property(frame, fc.nat(FRAME_HEADER_BYTES - 1), ({ bytes, offset }, kept) => {
      expect(decodeFrameHeader(bytes.subarray(0, offset + kept), offset, lane)).toBeUndefined();
    }),
  );
});

const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((value) => `put ${value.replaceAll('\n', ' ')}`);

test('records and their lines are read back from a body as they were written', () => {
  const record = fc.record({
    receivedAt: uint48,
    transport: fc.constantFrom('http' as const, 'telnet' as const, 'log' as const),
    source: fc.constantFrom('-', '127.0.0.1:4', '[::1]:5'),
    lines: fc.array(text, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), uint32, (records, firstSeq) => {
      const buffer = new LineBuffer(16);
      const parts = records.map(({ lines, ...header }, index) => {
        buffer.truncate(0, 0);
        for (const line of lines) buffer.push(line);
        expect(buffer.count).toBe(lines.length);
        const head = formatRecordHeader({ ...header, seq: firstSeq + index });
        return Buffer.concat([Buffer.from(head), buffer.view()]);
      });
      const body = Buffer.concat(parts);
      const read = [...readRecords(body)].map(
        ({ seq, receivedAt, transport, source, ...place }) => {
          const lines = [...readLines(body, { seq, receivedAt, transport, source, ...place })];
          return { seq, receivedAt, transport, source, lines };
        },
      );
      expect(read).toEqual(records.map((r, index) => ({ seq: firstSeq + index, ...r })));
    }),
  );
});

test('a body that no writer made is told, not guessed at', () => {
  for (const body of ['x', '@1 2 http', '@1 2 smtp -\n', '@1 2 http -\nput a']) {
    expect(() => [...readRecords(Buffer.from(body))]).toThrow(/record|frame/);
  }
});

test('the log reads back what it says of itself, and leaves newer words alone', () => {
  const hole = { lane: '0123456789abcdef', from: 1, to: 2, reason: 'torn "x"' };
  const controls: Control[] = [
    { kind: 'open', version: '1', previous: null, reason: 'start', holes: [hole] },
    {
      kind: 'open',
      version: '1',
      previous: { lane: hole.lane, lastSeq: 9 },
      reason: 'clock leap',
      holes: [],
      disputed: { from: 1, to: 2 },
    },
    { kind: 'tick', confirmed: `${hole.lane}/7` },
    { kind: 'cut' },
    { kind: 'outcome', lane: hole.lane, seq: 3, refused: [{ index: 0, error: 'No such\nname' }] },
    { kind: 'fork', id: '0123456789abcdef', at: 7, undone: [{ lane: 'ab', from: 3, to: 9 }] },
    { kind: 'bypass', method: 'POST', path: '/api/uid/assign', source: '127.0.0.1:9' },
    { kind: 'close' },
  ];
  for (const control of controls) {
    expect(formatControl(control)).not.toContain('\n');
    expect(parseControl(formatControl(control))).toEqual(control);
  }
  expect(parseControl('!later {"a":1}')).toBeUndefined();
  expect(parseControl('put a 1 2 b=c')).toBeUndefined();
});
