import { crc32 } from 'node:zlib';

/**
 * A frame: consecutive records of one lane, packed for one write. Layout, little-endian (docs/FORMATS.md):
 *
 *     0  u32  magic "TWF1"
 *     4  u32  length of the body
 *     8  u64  sequence of the first record
 *    16  u32  records
 *    20  u32  mutations
 *    24  u64  receive time of the first record, epoch ms
 *    32  u64  receive time of the last record
 *    40  u32  crc32 of the body
 *    44  u32  chain: crc32 of bytes 0-43, seeded with the chain of the frame before
 *    48  u32  crc32 of bytes 0-47, seeded with the crc32 of the lane's id
 *    52  body
 *
 * The header's own checksum lets a reader find the next frame after a damaged one, and tells it from
 * a frame of another lane that was left on the disk; the chain shows that no frame between two others
 * is missing, replaced or from another file.
 */
export const FRAME_HEADER_BYTES = 52;

/** A body never exceeds this: it is one Kafka message too. */
export const FRAME_BODY_BYTES_MAX = 512 * 1024;

/** A record's lines never exceed this: larger requests are split into several records. */
export const RECORD_BYTES_MAX = 256 * 1024;

export const FRAME_MAGIC = Buffer.from('TWF1', 'latin1');
const MAGIC_NUMBER = FRAME_MAGIC.readUInt32LE(0);

export interface FrameHeader {
  readonly bodyBytes: number;
  readonly firstSeq: number;
  readonly records: number;
  readonly mutations: number;
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  readonly bodyCrc: number;
  readonly chain: number;
}

export type FrameFields = Omit<FrameHeader, 'bodyCrc' | 'chain'>;

/** What a frame is tied to besides its own bytes. */
export interface FrameTies {
  /** `laneSeed` of its lane. */
  readonly lane: number;
  /** Chain value of the frame before it. */
  readonly chain: number;
}

/** Seeds the headers of a lane's frames, and the chain of its first. */
export function laneSeed(lane: string): number {
  return crc32(lane);
}

/**
 * Fills in the header of the frame at `offset`, whose body is already in place after it.
 * Returns the frame's chain value, the seed of the next frame.
 */
export function sealFrame(
  bytes: Buffer,
  offset: number,
  fields: FrameFields,
  ties: FrameTies,
): number {
  const bodyStart = offset + FRAME_HEADER_BYTES;
  bytes.writeUInt32LE(MAGIC_NUMBER, offset);
  bytes.writeUInt32LE(fields.bodyBytes, offset + 4);
  writeUint64(bytes, fields.firstSeq, offset + 8);
  bytes.writeUInt32LE(fields.records, offset + 16);
  bytes.writeUInt32LE(fields.mutations, offset + 20);
  writeUint64(bytes, fields.firstReceivedAt, offset + 24);
  writeUint64(bytes, fields.lastReceivedAt, offset + 32);
  const bodyCrc = crc32(bytes.subarray(bodyStart, bodyStart + fields.bodyBytes));
  bytes.writeUInt32LE(bodyCrc, offset + 40);
  const chain = crc32(bytes.subarray(offset, offset + 44), ties.chain);
  bytes.writeUInt32LE(chain, offset + 44);
  bytes.writeUInt32LE(crc32(bytes.subarray(offset, offset + 48), ties.lane), offset + 48);
  return chain;
}

/** The header at `offset`, or undefined when the bytes there are no whole, intact header of that lane. */
export function decodeFrameHeader(
  bytes: Buffer,
  offset: number,
  lane: number,
): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== MAGIC_NUMBER) return undefined;
  if (bytes.readUInt32LE(offset + 48) !== crc32(bytes.subarray(offset, offset + 48), lane)) {
    return undefined;
  }
  const header = {
    bodyBytes: bytes.readUInt32LE(offset + 4),
    firstSeq: readUint64(bytes, offset + 8),
    records: bytes.readUInt32LE(offset + 16),
    mutations: bytes.readUInt32LE(offset + 20),
    firstReceivedAt: readUint64(bytes, offset + 24),
    lastReceivedAt: readUint64(bytes, offset + 32),
    bodyCrc: bytes.readUInt32LE(offset + 40),
    chain: bytes.readUInt32LE(offset + 44),
  };
  return header.bodyBytes > FRAME_BODY_BYTES_MAX || header.records === 0 ? undefined : header;
}

/** Whether a header at `offset` follows the frame with the given chain value. */
export function followsChain(bytes: Buffer, offset: number, previousChain: number): boolean {
  const chain = crc32(bytes.subarray(offset, offset + 44), previousChain);
  return bytes.readUInt32LE(offset + 44) === chain;
}

/** Whole numbers up to 2^48, in eight bytes. */
export function writeUint64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUIntLE(value, offset, 6);
  bytes.writeUInt16LE(0, offset + 6);
}

export function readUint64(bytes: Buffer, offset: number): number {
  return bytes.readUIntLE(offset, 6);
}
