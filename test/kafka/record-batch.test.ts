import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { type BatchOrder, encodeBatch } from '../../src/kafka/record-batch.ts';
import type { Message } from '../../src/kafka/topic-frame.ts';

/** kafkajs's own encoding, which brokers have taken for years. */
const require = createRequire(import.meta.url);
const protocol = 'kafkajs/src/protocol/recordBatch';
const batches = require(`${protocol}/v0`) as {
  RecordBatch(batch: object): Promise<{ readonly buffer: Buffer }>;
};
const encodeRecord = require(`${protocol}/record/v0`) as (record: Message) => object;
const slowCrc32c = require(`${protocol}/crc32C`) as (bytes: Buffer) => number;

const RECORDS_AT = 61;
const LENGTH_AT = 8;
const LENGTH_FROM = 12;
const LEADER_EPOCH = { from: 12, to: 16 } as const;
const CRC = { at: 17, from: 21 } as const;
const COMPRESSION_AT = 21;

const bytes = fc.uint8Array({ maxLength: 3_000 }).map((part) => Buffer.from(part));
const messages = fc.record({
  key: fc.string(),
  value: bytes,
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }).map(String),
  headers: fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
});
const orders = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  sequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});

describe('a batch for Kafka', () => {
  test('is what kafkajs makes of the same message, but for the leader, whom it does not know', async () => {
    await fc.assert(
      fc.asyncProperty(messages, orders, async (message, order) => {
        const batch = Buffer.concat(await encodeBatch(message, order, 'none'));
        batch.fill(0, LEADER_EPOCH.from, LEADER_EPOCH.to);
        expect(batch).toEqual(await encodeSlowly(message, order));
      }),
    );
  });

  test.each([10, 300_000])('holds its record compressed, of %d bytes', async (length) => {
    const value = Buffer.alloc(length, 'put a.b 1 2 c=d\n');
    const message = { key: 'k', value, timestamp: '7', headers: { a: 'b' } };
    const order = { producerId: 5n, producerEpoch: 1, sequence: 9 };
    const batch = Buffer.concat(await encodeBatch(message, order, 'gzip'));
    const plain = Buffer.concat(await encodeBatch(message, order, 'none'));
    expect(batch.readInt16BE(COMPRESSION_AT)).toBe(1);
    expect(gunzipSync(batch.subarray(RECORDS_AT))).toEqual(plain.subarray(RECORDS_AT));
    expect(batch.readUInt32BE(CRC.at)).toBe(slowCrc32c(batch.subarray(CRC.from)));
    expect(batch.readInt32BE(LENGTH_AT)).toBe(batch.length - LENGTH_FROM);
  });
});

describe('crc32c', () => {
  test('is that of the standard', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3_06_92_83);
  });

  test('of bytes is that of their second part, seeded with that of the first', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (whole, at) => {
        const [head, tail] = [whole.subarray(0, at), whole.subarray(at)];
        expect(crc32c(tail, crc32c(head))).toBe(slowCrc32c(whole));
      }),
    );
  });
});

async function encodeSlowly(
  message: Message,
  { producerId, producerEpoch, sequence: firstSequence }: BatchOrder,
): Promise<Buffer> {
  const time = message.timestamp;
  const { buffer } = await batches.RecordBatch({
    records: [encodeRecord(message)],
    firstTimestamp: time,
    maxTimestamp: time,
    producerId: producerId.toString(),
    producerEpoch,
    firstSequence,
  });
  return buffer;
}
