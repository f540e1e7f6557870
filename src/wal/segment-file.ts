import { crc32 } from 'node:zlib';
import { readUint64, writeUint64 } from '../record/frame.ts';

/**
 * A WAL file: a header, then frames of one lane. It is written once, front to back, and never changed;
 * after its last frame there may be zeros, written ahead so that appending needs no file growth.
 *
 *     0   8 bytes  magic "TSDBWAL", version 1
 *     8   16       lane id, hex
 *     24  u64      the lane's ordinal in this directory
 *     32  u64      sequence of the first record
 *     40  u64      created at, epoch ms
 *     48  16       lane of the file before this one, NUL when there is none
 *     64  u64      first sequence of the file before
 *     72  u64      last sequence of the file before
 *     80  u32      chain value of its last frame, the seed of this file's first frame
 *     84  8        zeros
 *     92  u32      crc32 of bytes 0-91
 *
 * Each file names the one before, so a missing one shows from the headers alone. Of any version the magic and the
 * checksum stay where they are, so that a file of a newer one is not taken for a damaged one.
 */
export const SEGMENT_HEADER_BYTES = 96;
const VERSION = 1;
const VERSION_AT = 7;
const MAGIC = Buffer.from(`TSDBWAL${String.fromCodePoint(VERSION)}`, 'latin1');
const CHECKED_BYTES = 92;

export interface SegmentLink {
  readonly lane: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface SegmentHeader {
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  readonly createdAt: number;
  readonly previous: SegmentLink | undefined;
  readonly seed: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.write(header.lane, 8, 16, 'latin1');
  writeUint64(bytes, header.ordinal, 24);
  writeUint64(bytes, header.firstSeq, 32);
  writeUint64(bytes, header.createdAt, 40);
  if (header.previous !== undefined) {
    bytes.write(header.previous.lane, 48, 16, 'latin1');
    writeUint64(bytes, header.previous.firstSeq, 64);
    writeUint64(bytes, header.previous.lastSeq, 72);
  }
  bytes.writeUInt32LE(header.seed, 80);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return bytes;
}

/** The header, or undefined when the bytes are none that this version wrote. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(CHECKED_BYTES) !== crc32(bytes.subarray(0, CHECKED_BYTES))) {
    return undefined;
  }
  return {
    lane: bytes.toString('latin1', 8, 24),
    ordinal: readUint64(bytes, 24),
    firstSeq: readUint64(bytes, 32),
    createdAt: readUint64(bytes, 40),
    previous:
      bytes[48] === 0
        ? undefined
        : {
            lane: bytes.toString('latin1', 48, 64),
            firstSeq: readUint64(bytes, 64),
            lastSeq: readUint64(bytes, 72),
          },
    seed: bytes.readUInt32LE(80),
  };
}

/** The version of a whole header that this one can't read; undefined for any other bytes. */
export function foreignVersion(bytes: Buffer): number | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const isOurs = bytes.subarray(0, VERSION_AT).equals(MAGIC.subarray(0, VERSION_AT));
  const version = bytes.readUInt8(VERSION_AT);
  if (!isOurs || version === VERSION) return undefined;
  const isWhole = bytes.readUInt32LE(CHECKED_BYTES) === crc32(bytes.subarray(0, CHECKED_BYTES));
  return isWhole ? version : undefined;
}

const NAME = /^(\d{8})-([0-9a-f]{16})-(\d{15})\.wal$/;

/** `<ordinal>-<lane>-<firstSeq>.wal`: names sort as positions do. */
export function segmentName(id: { ordinal: number; lane: string; firstSeq: number }): string {
  return `${String(id.ordinal).padStart(8, '0')}-${id.lane}-${String(id.firstSeq).padStart(15, '0')}.wal`;
}

export function parseSegmentName(
  name: string,
): { ordinal: number; lane: string; firstSeq: number } | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, ordinal = '', lane = '', firstSeq = ''] = match;
  return { ordinal: Number(ordinal), lane, firstSeq: Number(firstSeq) };
}
