import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/kafka/topic-frame.ts';
import type { Term } from '../../src/record/term.ts';
import type { SentFrame } from '../../src/record/topic-read.ts';
import { formatRecordHeader } from '../../src/record/record.ts';

const frames = fc
  .record({
    lane: fc.stringMatching(/^[0-9a-f]{16}$/),
    ordinal: fc.integer({ min: 1, max: 1_000_000 }),
    host: fc.string(),
    firstSeq: fc.integer({ min: 1, max: 2 ** 40 }),
    lines: fc.array(fc.stringMatching(/^put [a-z]{1,9} 1 [0-9]{1,9} a=[a-z]{1,9}$/), {
      minLength: 1,
      maxLength: 9,
    }),
    firstReceivedAt: fc.integer({ min: 0, max: 2 ** 42 }),
  })
  .map(({ lines, ...fields }): SentFrame => {
    const records = lines.map((line, index) => {
      const seq = fields.firstSeq + index;
      const receivedAt = fields.firstReceivedAt + index;
      return `${formatRecordHeader({ seq, receivedAt, transport: 'http', source: '-' })}${line}\n`;
    });
    return Object.assign(fields, {
      lastSeq: fields.firstSeq + lines.length - 1,
      lastReceivedAt: fields.firstReceivedAt + lines.length - 1,
      mutations: lines.length,
      body: Buffer.from(records.join('')),
    });
  });

/** As the message comes back from the topic. */
function fetched(frame: SentFrame, nowMs = 0, term?: Term) {
  const { key, value, headers, timestamp } = encodeMessage(frame, nowMs, term);
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const);
  return {
    offset: 7,
    key: Buffer.from(key),
    value,
    timestamp: Number(timestamp),
    headers: Object.fromEntries(bytes),
  };
}

describe('a message of the topic', () => {
  test('gives back the frame that it was made of', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const decoded = decodeMessage(3, fetched(frame, 5));
        const place = { partition: 3, offset: 7, sentAt: 5 };
        expect(decoded).toEqual({ kind: 'frame', frame: { ...frame, ...place } });
      }),
    );
  });

  test('says since when the primary of its sender is it, or nothing', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (frame, since) => {
        const term = { since, primary: 'http://[::1]:4242' };
        expect(decodeMessage(0, fetched(frame, 0, term))).toMatchObject({ frame: { term } });
      }),
    );
    fc.assert(
      fc.property(frames, fc.string(), (frame, text) => {
        const message = fetched(frame);
        const headers = { ...message.headers, primary: Buffer.from(text) };
        const decoded = decodeMessage(0, { ...message, headers });
        expect(decoded).toMatchObject({ kind: 'frame', frame });
        expect(decoded).not.toHaveProperty('frame.term');
      }),
    );
  });

  test('is never of a later time than it was sent', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 2 ** 42 }), (frame, nowMs) => {
        expect(fetched(frame, nowMs).timestamp).toBe(Math.min(frame.lastReceivedAt, nowMs));
      }),
    );
  });

  test('is foreign when its headers do not fit its key, or the records of its value', () => {
    const numbers = fc.constantFrom('first', 'last', 'lane', 'tsdb-wal', 'to');
    fc.assert(
      fc.property(frames, numbers, fc.string(), (frame, name, text) => {
        const message = fetched(frame);
        fc.pre(String(message.headers[name]) !== text && (name !== 'to' || !/^\d+$/.test(text)));
        const headers = { ...message.headers, [name]: Buffer.from(text) };
        expect(decodeMessage(0, { ...message, headers }).kind).toBe('foreign');
      }),
    );
  });

  test('is foreign, and no error, whatever its bytes are', () => {
    const bytes = fc.option(fc.uint8Array().map((part) => Buffer.from(part)));
    fc.assert(
      fc.property(frames, bytes, bytes, (frame, key, value) => {
        const message = fetched(frame);
        fc.pre(value === null || !message.value.equals(value));
        expect(decodeMessage(0, { ...message, value }).kind).toBe('foreign');
        expect(decodeMessage(0, { ...message, headers: {}, key }).kind).toBe('foreign');
      }),
    );
  });
});
