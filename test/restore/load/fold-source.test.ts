import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Position } from '../../../src/record/position.ts';
import { readLines, readRecords } from '../../../src/record/record.ts';
import { FoldSource, type FoldSourceOptions } from '../../../src/restore/load/fold-source.ts';
import { LineFile } from '../../../src/restore/load/line-file.ts';
import { RateLimit } from '../../../src/restore/load/rate-limit.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { writeLineFile } from '../kit/line-files.ts';

interface Range {
  readonly http: readonly string[];
  readonly telnet: readonly string[];
}

const lines = fc.array(
  fc.tuple(fc.string({ unit: 'binary', maxLength: 3 }), fc.integer({ min: 1, max: 6_000 })),
  { maxLength: 30 },
);
const ranges = fc.array(fc.record({ http: textsOfLines(), telnet: textsOfLines() }), {
  minLength: 1,
  maxLength: 4,
});

describe('a file of lines', () => {
  test('is cut into records that are whole lines, at most 16 KiB or a single one', async () => {
    await using temp = await tempDirectory('lines');
    await fc.assert(
      fc.asyncProperty(textsOfLines(), textsOfLines(), async (http, telnet) => {
        const path = join(temp.path, 'lines');
        await writeLineFile(path, { http, telnet });
        const file = await LineFile.open(path);
        for (const [section, written] of [
          [file.http, http],
          [file.telnet, telnet],
        ] as const) {
          const records: Buffer[] = [];
          for (let index = 0; index < section.records; index += 1) {
            records.push((await section.read(index, 1)).bytes);
          }
          for (const record of records) {
            expect(record.at(-1)).toBe(0x0a);
            const isSingle = record.indexOf(0x0a) === record.length - 1;
            expect(isSingle || record.length <= 16 * 1024).toBe(true);
          }
          const all = Buffer.concat(records);
          expect(splitLines(all)).toEqual(written);
          expect({ count: section.count, bytes: section.bytes }).toEqual({
            count: written.length,
            bytes: all.length,
          });
        }
        await file.discard();
      }),
      { numRuns: 30 },
    );
  });

  test('larger than what is read at once is cut alike', async () => {
    await using temp = await tempDirectory('lines');
    const path = join(temp.path, 'lines');
    const written = Array.from({ length: 60_000 }, (_, n) => `${n} ${'x'.repeat(n % 97)}`);
    await writeLineFile(path, { http: written, telnet: written });
    const file = await LineFile.open(path);
    for (const section of [file.http, file.telnet]) {
      const { bytes, starts } = await section.read(0, Infinity);
      expect(splitLines(bytes)).toEqual(written);
      const sizes = starts.slice(1).map((end, index) => end - (starts[index] ?? 0));
      // None could have taken one more line.
      expect(sizes.slice(0, -1).every((size) => size > 16 * 1024 - 110 && size <= 16 * 1024)).toBe(
        true,
      );
      expect(section.count).toBe(60_000);
    }
    await file.discard();
  });

  test('has its sections told apart wherever the end of the first lies', async () => {
    await using temp = await tempDirectory('lines');
    const path = join(temp.path, 'lines');
    const blockBytes = 1024 * 1024;
    for (let more = -4; more <= 4; more += 1) {
      const http = ['a'.repeat(blockBytes / 2), 'b'.repeat(blockBytes / 2 + more)];
      await writeLineFile(path, { http, telnet: ['-x'] });
      const file = await LineFile.open(path);
      expect([file.http.bytes, file.telnet.bytes]).toEqual([blockBytes + more + 2, 3]);
      await file.discard();
    }
  });

  test.each([
    ['without the end of its last line', 'put m 1 1 a=b\n-\nput m 2', 'without an end'],
    ['without its second section', 'put m 1 1 a=b\nput m 2 1 a=b\n', 'breaks off'],
    ['that is empty', '', 'breaks off'],
  ])('%s is refused', async (_, text, reason) => {
    await using temp = await tempDirectory('lines');
    const path = join(temp.path, 'lines');
    await writeFile(path, text);
    await expect(LineFile.open(path)).rejects.toThrow(reason);
  });
});

describe('the folded state as a log', () => {
  test('gives every line once, with its transport, from wherever reading goes on', async () => {
    await fc.assert(
      fc.asyncProperty(ranges, fc.integer({ min: 0, max: 10 }), async (given, back) => {
        await using scene = await Scene.open(given);
        const all = await scene.readAll(undefined);
        expect(all.map(({ text }) => text)).toEqual(
          given.flatMap(({ http, telnet }) => [
            ...http.map((line) => `http ${line}`),
            ...telnet.map((line) => `telnet ${line}`),
          ]),
        );
        const place = all.at(-1 - back)?.position;
        const again = await scene.readAll(place);
        expect(again).toEqual(all.filter(({ position }) => isAfter(position, place)));
        expect(scene.source.end?.seq).toBe(all.at(-1)?.position.seq ?? 0);
      }),
      { numRuns: 30 },
    );
  });

  test('goes on after a place that an earlier process came to', async () => {
    const given = [
      { http: manyLines(2_000), telnet: manyLines(500) },
      { http: [], telnet: manyLines(3_000) },
      { http: [], telnet: [] },
    ];
    await using first = await Scene.open(given);
    const all = await first.readAll(undefined);
    const from = all[2_100]?.position;
    await using second = await Scene.open(given, { from });
    expect(await second.readAll(from)).toEqual(
      all.filter(({ position }) => isAfter(position, from)),
    );
    expect(second.source.end).toEqual(first.source.end);
  });

  test('keeps only the files that may be read again', async () => {
    const given = Array.from({ length: 4 }, () => ({ http: manyLines(10), telnet: [] }));
    await using scene = await Scene.open(given);
    await scene.readAll(undefined);
    expect(await scene.files()).toHaveLength(4);
    await scene.source.forget({ lane: 'x', ordinal: 3, seq: 1 });
    expect(await scene.files()).toHaveLength(2);
    expect(await scene.readAll({ lane: 'x', ordinal: 3, seq: 0 })).toHaveLength(20);
  });

  test('keeps to a rate', async () => {
    let now = 0;
    const limit = new RateLimit(1_000, () => now);
    await using scene = await Scene.open([{ http: manyLines(50_000), telnet: [] }], { limit });
    let place: Position | undefined;
    let read = 0;
    for (; now < 20_000; now += 100) {
      for (;;) {
        const frame = await scene.next(place);
        if (frame === undefined) break;
        read += frame.texts.length;
        place = frame.position;
      }
    }
    expect(read).toBeGreaterThan(19_000);
    // The last step may be larger than what was left.
    expect(read).toBeLessThan(20_000 + 1_000);
  });

  test('tells of a range that cannot be made, and gives out nothing more', async () => {
    const failures: Error[] = [];
    const source = new FoldSource({
      lane: 'x',
      from: undefined,
      ranges: 2,
      produce: () => Promise.reject(new Error('no space')),
      limit: new RateLimit(Infinity, () => 0),
      wake: () => undefined,
      failed: (error) => failures.push(error),
      atMs: 0,
    });
    expect(await source.next(undefined)).toBeUndefined();
    await expect.poll(() => failures.length).toBe(1);
    expect(await source.next(undefined)).toBeUndefined();
    await source.close();
    expect(failures).toHaveLength(1);
  });
});

class Scene implements AsyncDisposable {
  readonly source: FoldSource;
  readonly #directory: string;
  readonly #end: () => Promise<void>;
  #wake: () => void = () => undefined;

  private constructor(
    given: readonly Range[],
    directory: string,
    end: () => Promise<void>,
    options: Partial<FoldSourceOptions>,
  ) {
    this.#directory = directory;
    this.#end = end;
    this.source = new FoldSource({
      lane: 'x',
      from: undefined,
      ranges: given.length,
      produce: async (index) => {
        const path = join(directory, String(index));
        await writeLineFile(path, given[index] ?? { http: [], telnet: [] });
        return LineFile.open(path);
      },
      limit: new RateLimit(Infinity, () => 0),
      wake: () => this.#wake(),
      failed: (error) => {
        throw error;
      },
      atMs: 1_000,
      ...options,
    });
  }

  static async open(
    given: readonly Range[],
    options: Partial<FoldSourceOptions> = {},
  ): Promise<Scene> {
    const temp = await tempDirectory('fold-source');
    await mkdir(temp.path, { recursive: true });
    return new Scene(given, temp.path, async () => temp[Symbol.asyncDispose](), options);
  }

  /** The next frame, if one may pass now. */
  async next(
    after: Position | undefined,
  ): Promise<{ position: Position; texts: string[] } | undefined> {
    for (;;) {
      const woken = new Promise<boolean>((resolve) => (this.#wake = () => resolve(true)));
      const read = await this.source.next(after);
      if (read?.kind === 'frame') {
        const texts = [...readRecords(read.body)].flatMap((record) =>
          [...readLines(read.body, record)].map((line) => `${record.transport} ${line}`),
        );
        const { lane, ordinal, lastSeq } = read;
        return { position: { lane, ordinal, seq: lastSeq }, texts };
      }
      if (this.source.end !== undefined) return undefined;
      await woken;
    }
  }

  /** Each line with the record that it belongs to. */
  async readAll(after: Position | undefined): Promise<{ position: Position; text: string }[]> {
    const all: { position: Position; text: string }[] = [];
    let place = after;
    for (;;) {
      const woken = new Promise<boolean>((resolve) => (this.#wake = () => resolve(true)));
      const read = await this.source.next(place);
      if (read?.kind === 'frame') {
        const { lane, ordinal, lastSeq, body } = read;
        for (const record of readRecords(body)) {
          if (record.seq <= (place?.ordinal === ordinal ? place.seq : 0)) continue;
          const position = { lane, ordinal, seq: record.seq };
          for (const line of readLines(body, record)) {
            all.push({ position, text: `${record.transport} ${line}` });
          }
        }
        place = { lane, ordinal, seq: lastSeq };
      } else if (this.source.end === undefined) await woken;
      else return all;
    }
  }

  files(): Promise<string[]> {
    return readdir(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
    await this.#end();
  }
}

function textsOfLines(): fc.Arbitrary<string[]> {
  return lines.map((parts) =>
    parts.map(
      ([word, size]) =>
        `put ${word.replaceAll('\n', '_').replaceAll('@', '_')} ${'x'.repeat(size)}`,
    ),
  );
}

function manyLines(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `put m ${n} 1 host=some-host-${n % 10}`);
}

function splitLines(bytes: Buffer): string[] {
  return bytes.toString().split('\n').slice(0, -1);
}

function isAfter(position: Position, place: Position | undefined): boolean {
  if (place === undefined) return true;
  return (
    position.ordinal > place.ordinal ||
    (position.ordinal === place.ordinal && position.seq > place.seq)
  );
}
