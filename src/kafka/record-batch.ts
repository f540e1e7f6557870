import { COMPRESSION_TYPES, type Compression, compress } from './codecs.ts';
import { crc32c } from './crc32c.ts';
import type { Message } from './topic-frame.ts';

/** Who writes, as Kafka named it. It takes batches of a partition in the order of their sequences, each once. */
export interface BatchOrder {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** From 0 on for each partition; after the highest comes 0 again. */
  readonly sequence: number;
}

/**
 * A batch of one record in Kafka's format 2, all integers big-endian. kafkajs's own encoding takes ten times as long for a
 * message of some 10 KB, more than the broker takes for the whole request.
 *
 *     0  i64  base offset: 0, the broker sets it
 *     8  i32  length of what follows
 *    12  i32  leader epoch: -1, the broker sets it
 *    16  i8   format: 2
 *    17  u32  crc32c of all from 21 on
 *    21  i16  compression of the records
 *    23  i32  offset of the last record less that of the first
 *    27  i64  time of the first record, epoch ms
 *    35  i64  time of the last record
 *    43  i64  producer id
 *    51  i16  producer epoch
 *    53  i32  sequence of the first record
 *    57  i32  records
 *    61  records, compressed together
 */
const HEADER_BYTES = 61;
const CRC_AT = 17;
const CRC_FROM = 21;
const LENGTH_FROM = 12;
const FORMAT = 2;
const VARINT_BYTES_MAX = 5;

/** The batch's parts, one after the other. */
export async function encodeBatch(
  message: Message,
  order: BatchOrder,
  compression: Compression,
): Promise<readonly Buffer[]> {
  const packed = compress(compression, encodeRecord(message));
  const records = Buffer.isBuffer(packed) ? packed : await packed;
  const header = Buffer.alloc(HEADER_BYTES);
  const time = BigInt(message.timestamp);
  header.writeInt32BE(HEADER_BYTES - LENGTH_FROM + records.length, 8);
  header.writeInt32BE(-1, LENGTH_FROM);
  header.writeInt8(FORMAT, 16);
  header.writeInt16BE(COMPRESSION_TYPES[compression], CRC_FROM);
  header.writeBigInt64BE(time, 27);
  header.writeBigInt64BE(time, 35);
  header.writeBigInt64BE(order.producerId, 43);
  header.writeInt16BE(order.producerEpoch, 51);
  header.writeInt32BE(order.sequence, 53);
  header.writeInt32BE(1, 57);
  header.writeUInt32BE(crc32c(records, crc32c(header.subarray(CRC_FROM))), CRC_AT);
  return [header, records];
}

/** With lengths in front of everything, which are varints: zigzag, seven bits a byte, the lowest first. */
function encodeRecord({ key, value, headers }: Message): Buffer {
  const entries = Object.entries(headers);
  const texts = [key, ...entries.flat()];
  const textBytes = texts.reduce(
    (sum, text) => sum + Buffer.byteLength(text) + VARINT_BYTES_MAX,
    0,
  );
  const bytes = Buffer.allocUnsafe(value.length + textBytes + 4 * VARINT_BYTES_MAX);
  // Room for the length; then attributes, and time and offset less those of the batch.
  let at = VARINT_BYTES_MAX + 3;
  bytes.fill(0, VARINT_BYTES_MAX, at);
  at = writeText(bytes, at, key);
  at = writeVarint(bytes, at, value.length);
  at += value.copy(bytes, at);
  at = writeVarint(bytes, at, entries.length);
  for (const text of entries.flat()) at = writeText(bytes, at, text);
  const length = at - VARINT_BYTES_MAX;
  const start = VARINT_BYTES_MAX - writeVarint(bytes, 0, length);
  bytes.copyWithin(start, 0, VARINT_BYTES_MAX - start);
  return bytes.subarray(start, at);
}

function writeText(bytes: Buffer, at: number, text: string): number {
  const start = writeVarint(bytes, at, Buffer.byteLength(text));
  return start + bytes.write(text, start);
}

/** Of a length: below 2^30. Returns where it ends. */
function writeVarint(bytes: Buffer, at: number, length: number): number {
  let end = at;
  let rest = length * 2;
  for (; rest > 127; rest >>>= 7) end = bytes.writeUInt8((rest & 127) | 128, end);
  return bytes.writeUInt8(rest, end);
}
