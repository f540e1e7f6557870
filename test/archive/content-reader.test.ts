import { describe, expect, test } from 'vitest';
import { ContentReader } from '../../src/archive/search/content-reader.ts';
import { type Duckdb, DuckdbError } from '../../src/archive/duckdb.ts';
import { Verifying } from '../kit/verifying.ts';

const QUESTIONS = ['/a', '/b'].map((path) => ({ path, lane: 'a'.repeat(16), parts: [] }));

/** A DuckDB that says nothing but that. */
function failing(message: string): {
  readonly reader: ContentReader;
  readonly opened: () => number;
} {
  let opened = 0;
  const open = (): Promise<Duckdb> => {
    opened += 1;
    const duckdb = { rows: () => Promise.reject(new DuckdbError(message)), close: () => undefined };
    return Promise.resolve(duckdb as unknown as Duckdb);
  };
  return { reader: new ContentReader(open), opened: () => opened };
}

describe('reading the content of data', () => {
  test('ends when it is told to, in the middle of a statement, and tells nothing of the file', async () => {
    await using verifying = await Verifying.open();
    const { duckdb } = verifying;
    const stop = new AbortController();
    // Would go on for hours.
    const slow = {
      rows: () => duckdb.rows('select count(*) from range(10000000000) a, range(1000000) b'),
      interrupt: () => duckdb.interrupt(),
      close: () => undefined,
    };
    const reader = new ContentReader(() => Promise.resolve(slow as unknown as Duckdb), stop.signal);
    const reading = reader.read(QUESTIONS);
    setTimeout(() => stop.abort(), 100);
    // One that comes before the statement has begun is lost.
    const again = setInterval(() => stop.signal.aborted && duckdb.interrupt(), 100);
    await expect(reading).rejects.toThrow(/interrupt|abort/i);
    clearInterval(again);
  });

  test('that DuckDB cannot read is told of each file, by a new DuckDB each time', async () => {
    const { reader, opened } = failing('Invalid Input Error: No magic bytes found\nat /a');
    const answers = await reader.read(QUESTIONS);
    expect([...answers]).toEqual(
      QUESTIONS.map(({ path }) => [
        path,
        'DuckDB cannot read it: Invalid Input Error: No magic bytes found',
      ]),
    );
    expect(opened()).toBe(3);
  });

  test.each(['Out of Memory Error: failed to pin block', 'IO Error: No space left on device'])(
    'ends with %s: that says nothing of a file',
    async (message) => {
      await expect(failing(message).reader.read(QUESTIONS)).rejects.toThrow(message);
    },
  );
});
