import { describe, expect, test } from 'vitest';
import { Chunk } from '../../src/follow/chunk.ts';
import { EndedHours, endedBefore } from '../../src/follow/ended-hours.ts';

const HOUR_MS = 3_600_000;
/** Half past an hour. */
const NOW = 500_000 * HOUR_MS + HOUR_MS / 2;
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

describe('writes to hours that are over', () => {
  test('are rewrites when they are not later than all of their series', () => {
    const ended = new EndedHours();
    const first = [put(OVER, '1'), put(OVER + 1, '1'), put(OVER, '1', 'b')];
    expect([...ended.rewrites(chunkOf(1, first), NOW)]).toEqual([]);
    const second = [put(OVER + 1, '300'), put(OVER + 2, '300'), put(OVER, '2', 'b')];
    expect([...ended.rewrites(chunkOf(4, second), NOW)]).toEqual([0, 2]);
  });

  test('are none of themselves when the log is delivered again, and are again what they were', () => {
    const ended = new EndedHours();
    const lines = [put(OVER, '1'), put(OVER + 1, '1'), put(OVER, '300'), put(OVER + 2, '1')];
    expect([...ended.rewrites(chunkOf(1, lines), NOW)]).toEqual([2]);
    expect([...ended.rewrites(chunkOf(1, lines), NOW)]).toEqual([0, 2]);
    expect([...ended.rewrites(chunkOf(3, lines.slice(2)), NOW)]).toEqual([0]);
    expect([...ended.rewrites(chunkOf(5, [put(OVER + 2, '2')]), NOW)]).toEqual([0]);
  });

  test('are none where a series that is live gets what it lacked, hour by hour in any order', () => {
    const ended = new EndedHours();
    const end = (Math.floor(NOW / HOUR_MS) + 1) * 3_600;
    // In the last seconds of an hour what is live counts as of one that is over.
    const live = [put(end - 5, '1')];
    expect([...ended.rewrites(chunkOf(1, live), (end - 5) * 1_000)]).toEqual([]);
    const day = 86_400;
    const lacked = [0, 1, 3_600, 3_601].map((after) => put(OVER - day + after, '1'));
    const earlier = [0, 1].map((after) => put(OVER - 2 * day + after, '1'));
    expect([...ended.rewrites(chunkOf(2, [...lacked, ...earlier]), NOW)]).toEqual([]);
  });

  test('are none where two collectors send the same', () => {
    const ended = new EndedHours();
    const pair = [put(OVER, '1'), put(OVER, '1'), put(OVER + 1, '2'), put(OVER + 1, '2')];
    expect([...ended.rewrites(chunkOf(1, pair), NOW)]).toEqual([]);
    expect([...ended.rewrites(chunkOf(5, [put(OVER + 1, '3')]), NOW)]).toEqual([0]);
  });

  test('are none where the log has one write of each instant', () => {
    const ended = new EndedHours({ isFolded: true });
    const lines = [put(OVER + 1, '1'), put(OVER, '1')];
    expect([...ended.rewrites(chunkOf(1, lines), NOW)]).toEqual([]);
  });

  test('are those alone: what OpenTSDB does not compact is not looked at', () => {
    const ended = new EndedHours();
    const current = NOW / 1_000;
    const lines = [put(current, '1'), put(current, '300')];
    expect([...ended.rewrites(chunkOf(1, lines), NOW)]).toEqual([]);
    // The same, when that hour is over.
    const later = NOW + HOUR_MS;
    const again = [put(current, '1'), put(current, '300')];
    expect([...ended.rewrites(chunkOf(3, again), later)]).toEqual([1]);
  });
});

test('an hour counts as over shortly before its end', () => {
  const end = 500_000 * HOUR_MS;
  expect(endedBefore(end - 60_000)).toBe(end - HOUR_MS);
  expect(endedBefore(end - 1_000)).toBe(end);
  expect(endedBefore(end + 1_000)).toBe(end);
});
