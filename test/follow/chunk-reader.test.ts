import { describe, expect, test } from 'vitest';
import { ChunkPool } from '../../src/follow/deliver/chunk.ts';
import { ChunkReader } from '../../src/follow/deliver/chunk-reader.ts';
import type { Position } from '../../src/record/position.ts';
import type { LogFrame } from '../../src/wal/log-reader.ts';

describe('a chunk', () => {
  test.each([
    { lines: [4, 4, 4, 1], limit: 10, taken: [8, 5] },
    { lines: [4, 6, 4], limit: 10, taken: [10, 4] },
    { lines: [12, 1], limit: 10, taken: [12, 1] },
    { lines: [1, 12, 1], limit: 10, taken: [1, 12, 1] },
  ])(
    'of at most $limit lines takes $taken of records with $lines',
    async ({ lines, limit, taken }) => {
      const reader = new ChunkReader(logOf(lines), { hole: () => undefined });
      const pool = new ChunkPool(1);
      const found: number[] = [];
      let place: Position | undefined;
      for (;;) {
        const chunk = pool.take([]);
        if (chunk === undefined) throw new Error('there is no chunk');
        await reader.fill(chunk, place, { lines: limit, bytes: 1_000_000 });
        if (chunk.last === undefined) break;
        found.push(chunk.count);
        place = chunk.last;
      }
      expect(found).toEqual(taken);
    },
  );
});

/** One frame with records of so many of the shortest lines. */
function logOf(lines: readonly number[]): ConstructorParameters<typeof ChunkReader>[0] {
  const records = lines.map(
    (count, index) => `@${index + 1} 1 http -\n${'put m 1 1 a=b\n'.repeat(count)}`,
  );
  const frame: LogFrame = {
    kind: 'frame',
    lane: 'a',
    ordinal: 1,
    firstSeq: 1,
    lastSeq: lines.length,
    body: Buffer.from(records.join('')),
  };
  return {
    next: (after) => Promise.resolve((after?.seq ?? 0) < lines.length ? frame : undefined),
    peek: () => undefined,
  };
}
