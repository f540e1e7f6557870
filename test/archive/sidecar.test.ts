import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../src/archive/format/sealed-json.ts';
import {
  type Begin,
  formatBegin,
  formatHoleMarker,
  formatRepositoryFile,
  formatSidecar,
  type HoleMarker,
  parseBegin,
  parseHoleMarker,
  parseRepositoryFile,
  parseSidecar,
  type Sidecar,
} from '../../src/archive/format/sidecar.ts';

const sidecar: Sidecar = {
  lane: '00112233445566ff',
  level: 'minute',
  firstSeq: 7,
  lastSeq: 90,
  fromMs: 1_767_225_570_000,
  toMs: 1_767_225_630_000,
  ordinal: 3,
  records: 84,
  points: 4_200,
  refused: 1,
  bypasses: 0,
  confirmed: '00112233445566ff/80',
  instants: { from: -1_000, to: 1_767_225_629_000 },
  data: { object: 'lanes/x.parquet', bytes: 12_345, sha256: 'ab'.repeat(32), rows: 4_201 },
  createdAt: 1_767_225_631_000,
  writer: 'tsdb-wal 0.1.0',
};

const begin: Begin = {
  lane: '00112233445566ff',
  ordinal: 3,
  firstSeq: 1,
  openedAt: 1_767_225_000_000,
  previous: { lane: 'ff112233445566ff', lastSeq: 12 },
  reason: 'clock leap',
  disputed: { from: 1_767_225_000_000, to: 1_767_224_000_000 },
  host: 'tsdb-1',
};

const marker: HoleMarker = {
  lane: '00112233445566ff',
  firstSeq: 91,
  lastSeq: 95,
  fromMs: 1_767_225_630_000,
  toMs: null,
  reason: 'damaged: the frame\'s checksum is "wrong"\n',
  notedAt: 1_767_225_640_000,
};

const repository = { id: '0123456789abcdef', createdAt: 1_767_225_000_000 };

describe.each([
  ['a sidecar', formatSidecar(sidecar), sidecar, parseSidecar],
  ['a begin', formatBegin(begin), begin, parseBegin],
  ['a hole marker', formatHoleMarker(marker), marker, parseHoleMarker],
  ['a repository file', formatRepositoryFile(repository), repository, parseRepositoryFile],
] as const)('%s', (_kind, text, value, parse) => {
  test('is one line, and read back as it was written', () => {
    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(text.startsWith('{"format":1,')).toBe(true);
    expect(parse(Buffer.from(text))).toEqual(value);
  });

  test('is not read with any bit flipped, or any end cut off', () => {
    const bytes = Buffer.from(text);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(parse(damaged)).toBeUndefined();
    }
    for (let end = 0; end < bytes.length; end += 1) {
      expect(parse(bytes.subarray(0, end))).toBeUndefined();
    }
  });

  test('is not read with a field of another kind, missing, or in another format', () => {
    const fields = { format: 1, ...value };
    for (const key of Object.keys(fields)) {
      const { [key]: _gone, ...without } = fields as Record<string, unknown>;
      expect(parse(Buffer.from(seal(without)))).toBeUndefined();
      for (const wrong of [true, [], -1.5]) {
        expect(parse(Buffer.from(seal({ ...fields, [key]: wrong })))).toBeUndefined();
      }
    }
    expect(parse(Buffer.from(seal({ ...fields, format: 2 })))).toBeUndefined();
    expect(parse(Buffer.from(seal({ ...fields, later: 1 })))).toEqual(value);
  });
});

test('docs/FORMATS.md has a sealed object as its example', async () => {
  const page = await readFile('docs/FORMATS.md', 'utf8');
  const line = /^ {4}(\{"format":1,"id".*\})$/m.exec(page)?.[1] ?? '';
  expect(parseRepositoryFile(Buffer.from(`${line}\n`))).toEqual({
    id: '0123456789abcdef',
    createdAt: 1_750_000_000_000,
  });
});

describe('a seal', () => {
  test('keeps any object, and tells any changed byte', () => {
    fc.assert(
      fc.property(
        fc.object({ maxDepth: 2 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (some, place, flip) => {
          const object = { some };
          const bytes = Buffer.from(seal(object));
          expect(unseal(bytes)).toEqual(JSON.parse(JSON.stringify(object)));
          const at = place % bytes.length;
          bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
          expect(unseal(bytes)).toBeUndefined();
        },
      ),
    );
  });

  test('is over the bytes before it, as other tools would compute it', () => {
    expect(seal({ format: 1 })).toBe(
      '{"format":1,"sha256":"12285bd869bd71568cb31fb3e85fe40bfe94f0f163af44fc059102982a90a45b"}\n',
    );
  });
});
