import { describe, expect, test } from 'vitest';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { EndedHours, endedBefore } from '../../src/follow/rewrites/ended-hours.ts';
import type { PastLog } from '../../src/follow/rewrites/past-hours.ts';

const HOUR_MS = 3_600_000;
/** Half past an hour. */
const NOW = 500_000 * HOUR_MS + HOUR_MS / 2;
const CURRENT = NOW / 1_000;
const LATER = NOW + HOUR_MS;
const OVER = NOW / 1_000 - 7_200;

/** Each of a record of its own, from `firstSeq` on. */
function chunkOf(firstSeq: number, lines: readonly string[]): Chunk {
  const chunk = new Chunk(1_024, 16);
  lines.forEach((line, index) => {
    const bytes = Buffer.from(`${line}\n`);
    const record = { seq: firstSeq + index, telnet: false, receivedAt: NOW };
    chunk.add(bytes, 0, bytes.length, record);
    chunk.last = { lane: 'a', ordinal: 1, seq: firstSeq + index };
  });
  return chunk;
}

const put = (instant: number, value: string, host = 'a'): string =>
  `put m ${instant} ${value} h=${host}`;

async function rewrites(ended: EndedHours, chunk: Chunk, nowMs: number): Promise<number[]> {
  return [...(await ended.rewrites(chunk, { nowMs, from: undefined, backlog: undefined }))];
}

async function deliver(
  ended: EndedHours,
  [from, lines]: readonly [number, readonly string[]],
  nowMs: number,
  backlog = new AbortController().signal,
): Promise<number[]> {
  const position = { lane: 'a', ordinal: 1, seq: from };
  const chunk = chunkOf(from + 1, lines);
  return [...(await ended.rewrites(chunk, { nowMs, from: position, backlog }))];
}

describe('writes to hours that are over', () => {
  test('are rewrites when they are not later than all of their series', async () => {
    const ended = new EndedHours();
    const first = [put(OVER, '1'), put(OVER + 1, '1'), put(OVER, '1', 'b')];
    expect(await rewrites(ended, chunkOf(1, first), NOW)).toEqual([]);
    const second = [put(OVER + 1, '300'), put(OVER + 2, '300'), put(OVER, '2', 'b')];
    expect(await rewrites(ended, chunkOf(4, second), NOW)).toEqual([0, 2]);
  });

  test('are none of themselves when the log is delivered again, and are again what they were', async () => {
    const ended = new EndedHours();
    const lines = [put(OVER, '1'), put(OVER + 1, '1'), put(OVER, '300'), put(OVER + 2, '1')];
    expect(await rewrites(ended, chunkOf(1, lines), NOW)).toEqual([2]);
    expect(await rewrites(ended, chunkOf(1, lines), NOW)).toEqual([0, 2]);
    expect(await rewrites(ended, chunkOf(3, lines.slice(2)), NOW)).toEqual([0]);
    expect(await rewrites(ended, chunkOf(5, [put(OVER + 2, '2')]), NOW)).toEqual([0]);
  });

  test('are none where a series that is live gets what it lacked, hour by hour in any order', async () => {
    const ended = new EndedHours();
    const end = (Math.floor(NOW / HOUR_MS) + 1) * 3_600;
    // In the last seconds of an hour what is live counts as of one that is over.
    const live = [put(end - 5, '1')];
    expect(await rewrites(ended, chunkOf(1, live), (end - 5) * 1_000)).toEqual([]);
    const day = 86_400;
    const lacked = [0, 1, 3_600, 3_601].map((after) => put(OVER - day + after, '1'));
    const earlier = [0, 1].map((after) => put(OVER - 2 * day + after, '1'));
    expect(await rewrites(ended, chunkOf(2, [...lacked, ...earlier]), NOW)).toEqual([]);
  });

  test('are none where two collectors send the same', async () => {
    const ended = new EndedHours();
    const pair = [put(OVER, '1'), put(OVER, '1'), put(OVER + 1, '2'), put(OVER + 1, '2')];
    expect(await rewrites(ended, chunkOf(1, pair), NOW)).toEqual([]);
    expect(await rewrites(ended, chunkOf(5, [put(OVER + 1, '3')]), NOW)).toEqual([0]);
  });

  test('are none where the log has one write of each instant', async () => {
    const ended = new EndedHours({ isFolded: true });
    const lines = [put(OVER + 1, '1'), put(OVER, '1')];
    expect(await rewrites(ended, chunkOf(1, lines), NOW)).toEqual([]);
  });

  test('are those alone: what OpenTSDB does not compact is not looked at', async () => {
    const ended = new EndedHours();
    const lines = [put(CURRENT, '1'), put(CURRENT, '300')];
    expect(await rewrites(ended, chunkOf(1, lines), NOW)).toEqual([]);
  });
});

describe('a backlog that reaches an hour that is over', () => {
  /** A log of one record a chunk. */
  function logOf(lines: readonly string[]): PastLog & { asked: number[]; unread: string[] } {
    const asked: number[] = [];
    const unread: string[] = [];
    return {
      asked,
      unread,
      gaveUp: (startMs, reason) => unread.push(`${startMs} ${reason}`),
      before: (ms) => {
        asked.push(ms);
        return { lane: 'a', ordinal: 1, seq: 0 };
      },
      readInto: async (chunk, { seq }) => {
        const line = lines[seq];
        if (line === undefined) return;
        const bytes = Buffer.from(`${line}\n`);
        chunk.add(bytes, 0, bytes.length, { seq: seq + 1, telnet: false, receivedAt: NOW });
        chunk.last = { lane: 'a', ordinal: 1, seq: seq + 1 };
      },
      close: async () => undefined,
    };
  }

  const HOUR_START = NOW - HOUR_MS / 2;
  /** Where reading begins: clients' clocks may be ahead. */
  const ASKED = HOUR_START - 60_000;
  const log = [
    put(CURRENT, '1'),
    put(CURRENT + 1, '1'),
    put(CURRENT, '300'),
    put(CURRENT + 2, '1'),
    put(CURRENT + 1, '300'),
  ];

  test('and lasted when the process started, is compared with what the log has of it, read once', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    expect(await deliver(ended, [2, log.slice(2)], LATER)).toEqual([0, 2]);
    const next = [put(CURRENT + 3, '1'), put(CURRENT, '2')];
    expect(await deliver(ended, [5, next], LATER)).toEqual([1]);
    expect(past.asked).toEqual([ASKED]);
  });

  test('and had its first writes while it lasted, is compared with those', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    expect(await deliver(ended, [0, log.slice(0, 2)], NOW)).toEqual([]);
    expect(await deliver(ended, [2, log.slice(2)], LATER)).toEqual([0, 2]);
    expect(past.asked).toEqual([ASKED]);
  });

  test('and is delivered again, is read once for as far as it goes back', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    expect(await deliver(ended, [0, log], NOW)).toEqual([]);
    expect(await deliver(ended, [3, log.slice(3)], LATER)).toEqual([1]);
    expect(await deliver(ended, [3, log.slice(3)], LATER)).toEqual([1]);
    expect(past.asked).toEqual([ASKED]);
    // Before what was read.
    expect(await deliver(ended, [1, log.slice(1)], LATER)).toEqual([0, 1, 3]);
    expect(await deliver(ended, [1, log.slice(1)], LATER)).toEqual([0, 1, 3]);
    expect(past.asked).toEqual([ASKED, ASKED]);
  });

  test('long over, or that still lasts, has nothing read back', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    expect(await deliver(ended, [2, [put(OVER - 7_200, '1')]], NOW)).toEqual([]);
    expect(await deliver(ended, [3, [put(CURRENT, '2')]], NOW)).toEqual([]);
    expect(past.asked).toEqual([]);
  });

  test('and begins with it, needs nothing read back', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    const next = [put(CURRENT + 3_600, '1'), put(CURRENT + 3_600, '300')];
    expect(await deliver(ended, [2, next], LATER + HOUR_MS)).toEqual([1]);
    expect(past.asked).toEqual([]);
  });

  test('is none for the time in which it is live', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    expect(await rewrites(ended, chunkOf(3, log.slice(2, 4)), LATER)).toEqual([]);
    expect(past.asked).toEqual([]);
  });

  test('and was delivered while it lasted, is judged anew where the delivery begins before it', async () => {
    const past = logOf(log);
    const ended = new EndedHours({ past });
    const first = put(CURRENT - 3_600, '1');
    const early = (nowMs: number, received: number): Promise<number[]> => {
      const chunk = chunkOf(1, [first, ...log]);
      chunk.times.fill(received);
      const taken = { nowMs, from: undefined, backlog: new AbortController().signal };
      return ended.rewrites(chunk, taken).then((found) => [...found]);
    };
    expect(await early(NOW, HOUR_START - 1)).toEqual([]);
    expect(await early(LATER, HOUR_START - 1)).toEqual([3, 5]);
    // All writes of those instants.
    expect(await early(LATER, HOUR_START - 1)).toEqual([1, 2, 3, 5]);
  });

  test('of two hours has both read in one pass', async () => {
    const past = logOf([put(CURRENT - 3_600, '1'), ...log]);
    const ended = new EndedHours({ past });
    const lines = [put(CURRENT, '7'), put(CURRENT - 3_600, '7'), put(CURRENT + 9, '7')];
    expect(await deliver(ended, [6, lines], LATER)).toEqual([0, 1]);
    expect(past.asked).toEqual([ASKED - HOUR_MS]);
  });

  test('has the log read again where reading was broken off', async () => {
    const over = new AbortController();
    const whole = logOf(log);
    const past: PastLog = {
      ...whole,
      readInto: async (chunk, after, limits) => {
        over.abort();
        await whole.readInto(chunk, after, limits);
      },
    };
    const ended = new EndedHours({ past });
    await deliver(ended, [2, log.slice(2)], LATER, over.signal);
    expect(await deliver(ended, [2, log.slice(2)], LATER)).toEqual([0, 2]);
    expect(whole.asked).toEqual([ASKED, ASKED]);
  });

  test('is delivered also where what was delivered before it can no longer be read', async () => {
    const whole = logOf(log);
    const past: PastLog = {
      ...whole,
      readInto: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
    };
    const ended = new EndedHours({ past });
    expect(await deliver(ended, [2, log.slice(2, 4)], LATER)).toEqual([]);
    expect(await deliver(ended, [5, [put(CURRENT + 1, '5')]], LATER)).toEqual([0]);
    expect(whole.asked).toEqual([ASKED]);
    expect(whole.unread).toEqual([`${HOUR_START} EIO`]);
  });
});

test('an hour counts as over shortly before its end', () => {
  const end = 500_000 * HOUR_MS;
  expect(endedBefore(end - 60_000)).toBe(end - HOUR_MS);
  expect(endedBefore(end - 1_000)).toBe(end);
  expect(endedBefore(end + 1_000)).toBe(end);
});
