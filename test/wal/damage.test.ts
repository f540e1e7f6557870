import {
  appendFile,
  copyFile,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Hole } from '../../src/record/control.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { isIn, range, reopen, spanOf } from '../kit/wal-damage.ts';
import { copyFolder, listSegments, type SegmentPlace, writeLog } from '../kit/wal-files.ts';
import { dataOf, readLog, TestLog, present } from '../kit/wal-log.ts';

const RECORDS = 20;
let origin: TempDirectory;
let segments: SegmentPlace[];
let written: [string, string][];
let copies = 0;

beforeAll(async () => {
  origin = await tempDirectory('damage');
  const whole = join(origin.path, 'whole');
  await writeLog(whole, 3, RECORDS);
  segments = await listSegments(whole);
  const log = await TestLog.open(await copyOf());
  written = dataOf((await readLog(log.wal)).entries);
  await log.wal.close();
});

afterAll(() => origin[Symbol.asyncDispose]());

async function copyOf(): Promise<string> {
  copies += 1;
  const path = join(origin.path, `copy-${copies}`);
  await copyFolder(join(origin.path, 'whole'), path);
  return path;
}

const without = (holes: readonly Omit<Hole, 'reason'>[]): [string, string][] =>
  written.filter((entry) => !holes.some((hole) => isIn(hole, entry)));

const at = (index: number): SegmentPlace => present(segments.at(index));
/** The first file of the second lane has one before and one after it. */
const middle = (): SegmentPlace => present(segments.find(({ lane }) => lane !== at(0).lane));

test('an undamaged log is whole, at every start', async () => {
  expect(written).toHaveLength(3 * RECORDS);
  expect(segments.length).toBeGreaterThanOrEqual(9);
  const folder = await copyOf();
  for (let start = 0; start < 3; start += 1) {
    const { data, read, told } = await reopen(folder);
    expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
  }
});

describe('the last frame', () => {
  test('torn at any byte, without a durable mark, is cut off, and every frame before it is kept', async () => {
    const last = present(at(-1).frames.at(-1));
    for (let kept = last.start; kept < last.end; kept += 1) {
      const folder = await copyOf();
      await rm(join(folder, 'durable'));
      await truncate(join(folder, at(-1).name), kept);
      const { data, read, told, log } = await reopen(folder);
      expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
      expect(log.wal.recovered).toMatchObject({
        end: { lastSeq: last.firstSeq - 1, closed: false },
      });
      expect(log.wal.recovered.tornBytes > 0).toBe(kept > last.start);
      await rm(folder, { recursive: true });
    }
  });

  test('torn though the mark says that it was durable, is a hole at this and every later start', async () => {
    const folder = await copyOf();
    const [before, last] = at(-1).frames.slice(-2);
    await truncate(join(folder, at(-1).name), (before?.end ?? 0) - 1);
    const hole = { lane: at(-1).lane, from: before?.firstSeq, to: last?.lastSeq };
    const first = await reopen(folder);
    expect(first.told.map(range)).toEqual([hole]);
    expect((await stat(join(folder, at(-1).name))).size).toBe((before?.end ?? 0) - 1);
    for (let start = 0; start < 3; start += 1) {
      const later = await reopen(folder);
      expect(later.read.map(range)).toEqual([hole]);
      expect(later.data).toEqual(without(first.told));
    }
  });
});

describe('flipped bytes', () => {
  test('anywhere in a file cost the frames they touch and no other, and are told exactly', async () => {
    const place = fc.record({
      file: fc.nat(segments.length - 1),
      start: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_500 })),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(place, async ({ file, start, length, mask }) => {
        const segment = at(file);
        const folder = await copyOf();
        const path = join(folder, segment.name);
        const bytes = await readFile(path);
        const first = Math.floor(start * (bytes.length - 1));
        const end = Math.min(first + length, bytes.length);
        for (let n = first; n < end; n += 1) bytes[n] = (bytes[n] ?? 0) ^ mask;
        await writeFile(path, bytes);
        const touched = segment.frames.filter((f) => f.start < end && f.end > first);
        const hole = touched.length > 0 && {
          lane: segment.lane,
          from: touched[0]?.firstSeq ?? 0,
          to: touched.at(-1)?.lastSeq ?? 0,
          reason: '',
        };
        const holes = hole ? [hole] : [];
        const { data, read } = await reopen(folder);
        expect(read.map(range)).toEqual(holes.map(range));
        expect(data).toEqual(without(holes));
        const later = await reopen(folder);
        expect(later.read.map(range)).toEqual(holes.map(range));
        expect(later.data).toEqual(without(holes));
        await rm(folder, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });

  test('in a file header leave its frames readable', async () => {
    for (const index of [0, 1, 4, -1]) {
      const folder = await copyOf();
      const path = join(folder, at(index).name);
      const bytes = await readFile(path);
      bytes.fill(0xff, 8, 40);
      await writeFile(path, bytes);
      const { data, read, told } = await reopen(folder);
      expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
    }
  });
});

describe('a missing file', () => {
  test('in the middle of a lane is a hole of exactly its records', async () => {
    const folder = await copyOf();
    const missing = at(1);
    expect(missing.lane).toBe(at(0).lane);
    await rm(join(folder, missing.name));
    for (let start = 0; start < 2; start += 1) {
      const { data, read, told } = await reopen(folder);
      expect(read.map(range)).toEqual([spanOf(missing)]);
      expect(told.map(range)).toEqual([spanOf(missing)]);
      expect(data).toEqual(without(told));
    }
  });

  test('at the end of an older lane is told too, by the next lane', async () => {
    const folder = await copyOf();
    const missing = at(segments.indexOf(middle()) - 1);
    await rm(join(folder, missing.name));
    const { data, read, told } = await reopen(folder);
    expect(read.map(range)).toEqual([spanOf(missing)]);
    expect(told.map(range)).toEqual([spanOf(missing)]);
    expect(data).toEqual(without(told));
  });

  test('and with it its whole lane: the lane is a hole', async () => {
    const folder = await copyOf();
    const lane = middle().lane;
    const gone = segments.filter((segment) => segment.lane === lane);
    for (const { name } of gone) await rm(join(folder, name));
    const hole = { lane, from: 1, to: gone.at(-1)?.frames.at(-1)?.lastSeq };
    for (let start = 0; start < 2; start += 1) {
      const { data, read, told } = await reopen(folder);
      expect(read.map(range)).toEqual([hole]);
      expect(told.map(range)).toEqual([hole]);
      expect(data).toEqual(without(told));
    }
  });

  test('at the end of the log is told by the durable mark, at this and every later start', async () => {
    const folder = await copyOf();
    await rm(join(folder, at(-1).name));
    const first = await reopen(folder);
    expect(first.told.map(range)).toEqual([spanOf(at(-1))]);
    expect(first.read.map(range)).toEqual([spanOf(at(-1))]);
    const later = await reopen(folder);
    expect(later.read.map(range)).toEqual([spanOf(at(-1))]);
    expect(later.data).toEqual(without(first.told));
  });

  test('at the beginning is no hole, except for a follower that stands before it', async () => {
    const folder = await copyOf();
    await rm(join(folder, at(0).name));
    const { told, read, data } = await reopen(folder);
    expect({ told, read }).toEqual({ told: [], read: [] });
    expect(data).toEqual(without([spanOf(at(0))]));
    const log = await TestLog.open(folder);
    const { holes } = await readLog(log.wal, { lane: at(0).lane, ordinal: 1, seq: 2 });
    expect(holes.map(range)).toEqual([{ ...spanOf(at(0)), from: 3 }]);
    await log.wal.close();
  });
});

describe('a folder', () => {
  test('with junk files and folders in it is read as if they were not there', async () => {
    const folder = await copyOf();
    const junk = 'ffffffffffffffff-000000000000001.wal';
    await writeFile(join(folder, 'notes.txt'), 'x');
    await writeFile(join(folder, `00000002-${junk}`), '');
    await writeFile(join(folder, `00000003-${junk}`), 'what is this');
    await writeFile(join(folder, `00000004-${junk}`), 'what is this'.repeat(5_000));
    await mkdir(join(folder, `00000005-${junk}`));
    await mkdir(join(folder, 'sub'));
    for (let start = 0; start < 2; start += 1) {
      const { data, read, told } = await reopen(folder);
      expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
    }
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('x');
  });

  test('with a file truncated to nothing has a hole there', async () => {
    const folder = await copyOf();
    await truncate(join(folder, at(1).name), 0);
    for (let start = 0; start < 2; start += 1) {
      const { data, read } = await reopen(folder);
      expect(read.map(range)).toEqual([spanOf(at(1))]);
      expect(data).toEqual(without(read));
    }
  });

  test('with a copy of a file under another name reads it once, and names the copy', async () => {
    const folder = await copyOf();
    const copy = at(1).name.replace(/^\d{8}/, '00000009');
    await copyFile(join(folder, at(1).name), join(folder, copy));
    const { data, read, told, log } = await reopen(folder);
    expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
    expect(log.wal.recovered.strangers).toEqual([copy]);
  });

  test('with a renamed file has a hole where it was, and no wrong data where it is', async () => {
    const folder = await copyOf();
    await rename(
      join(folder, at(1).name),
      join(folder, at(-1).name.replace(/\d{5}\.wal/, '99999.wal')),
    );
    const { data, read, log } = await reopen(folder);
    expect(read.map(range)).toEqual([spanOf(at(1))]);
    expect(data).toEqual(without(read));
    expect(log.wal.recovered.strangers).toHaveLength(1);
  });

  test('rolled back to an older state keeps what it has, and tells what cursors know of the rest', async () => {
    const folder = await copyOf();
    await rm(join(folder, 'durable'));
    const newest = at(-1).lane;
    for (const { name, lane } of segments) if (lane === newest) await rm(join(folder, name));
    const followers = [{ did: 'archived', position: { lane: newest, ordinal: 3, seq: 12 } }];
    const { data, told, log } = await reopen(folder, { followers });
    // One more stands for what came after the cursor.
    expect(told.map(range)).toEqual([{ lane: newest, from: 1, to: 13 }]);
    expect(data).toEqual(written.filter(([position]) => !position.startsWith(newest)));
    expect(log.wal.durable.ordinal).toBe(4);
    const later = await reopen(folder, { followers });
    expect(later.read.map(range)).toEqual([{ lane: newest, from: 1, to: 13 }]);
  });

  test('with garbage after the end of its last file, whole frames of other files too, ends where it did', async () => {
    const bytes = await readFile(join(origin.path, 'whole', at(0).name));
    const other = bytes.subarray(at(0).frames.at(-1)?.start);
    const repeated = await readFile(join(origin.path, 'whole', at(-1).name));
    for (const garbage of [Buffer.alloc(5_000, 'TWF1'), other, repeated]) {
      const folder = await copyOf();
      await appendFile(join(folder, at(-1).name), garbage);
      const { data, read, told, log } = await reopen(folder);
      expect({ data, read, told }).toEqual({ data: written, read: [], told: [] });
      expect(log.wal.recovered.tornBytes).toBe(garbage.length);
    }
  });

  test('with later frames of another lane after the end, as on blocks used before, ends where it did', async () => {
    const folder = await copyOf();
    await rm(join(folder, 'durable'));
    const newest = segments.filter(({ lane }) => lane === at(-1).lane);
    for (const { name } of newest.slice(1)) await rm(join(folder, name));
    const older = present(segments.findLast(({ lane }) => lane !== at(-1).lane));
    const garbage = await readFile(join(origin.path, 'whole', older.name));
    await appendFile(join(folder, present(newest[0]).name), garbage);
    const { data, read, told, log } = await reopen(folder);
    expect({ read, told }).toEqual({ read: [], told: [] });
    expect(log.wal.recovered.tornBytes).toBe(garbage.length);
    expect(data).toEqual(without(newest.slice(1).map(spanOf)));
  });

  test('emptied of its files, with only the mark left, starts anew and says what is gone', async () => {
    const folder = await copyOf();
    for (const { name } of segments) await rm(join(folder, name));
    const { told, log } = await reopen(folder);
    expect(told.map(range)).toEqual([spanOf(at(-1))]);
    expect(log.wal.durable.ordinal).toBe(4);
  });
});

test('holes inside an older file, not seen by a later start, are met by every reader', async () => {
  const folder = await copyOf();
  const target = at(2);
  const bytes = await readFile(join(folder, target.name));
  const frame = present(target.frames[1]);
  bytes.fill(0, frame.start, frame.end);
  await writeFile(join(folder, target.name), bytes);
  const { told, read } = await reopen(folder);
  expect(told).toEqual([]);
  expect(read).toEqual([
    expect.objectContaining({ lane: target.lane, from: frame.firstSeq, to: frame.lastSeq }),
  ]);
});
