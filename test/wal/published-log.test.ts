import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { comparePositions, type Position } from '../../src/record/position.ts';
import { readRecords } from '../../src/record/record.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { formatDurableMark, parseDurableMark } from '../../src/wal/durable-mark.ts';
import { LogReader } from '../../src/wal/log-reader.ts';
import { PublishedLog } from '../../src/wal/published-log.ts';
import { tempDirectory } from '../kit/temp.ts';
import { copyFolder, listSegments, writeLog } from '../kit/wal-files.ts';
import { dataOf, present, readLog, TestLog } from '../kit/wal-log.ts';

const line = (n: number): string[] => [`put m ${n} 1 a=${'x'.repeat(50 + ((n * 37) % 400))}`];

/** Reads what is published until the reader has come to `end`. */
async function readTo(log: PublishedLog, end: Position): Promise<Position[]> {
  const reader = new LogReader(log);
  const found: Position[] = [];
  for (let place: Position | undefined; ;) {
    const read = await reader.next(place);
    if (read === undefined) {
      if (place !== undefined && comparePositions(place, end) >= 0) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
      await log.refresh();
      continue;
    }
    if (read.kind === 'hole') throw new Error(JSON.stringify(read.hole));
    const { lane, ordinal, body } = read;
    for (const { seq } of readRecords(body)) {
      if (place?.lane !== lane || seq > place.seq) found.push({ lane, ordinal, seq });
    }
    place = { lane, ordinal, seq: read.lastSeq };
  }
  await reader.close();
  return found;
}

describe('while a process holds the directory', () => {
  test('its log is read record by record as it is published, over rolled files and new lanes', async () => {
    await using folder = await tempDirectory('published');
    const lock = await DirectoryLock.acquire(folder.path);
    const wal = join(folder.path, 'wal');
    let log = await TestLog.open(wal, { segmentBytes: 3_000 });
    const published = await PublishedLog.open(folder.path);
    const writing = (async () => {
      for (let n = 1; n <= 150; n += 1) {
        await log.write(line(n));
        if (n % 50 !== 0) continue;
        await log.wal.close();
        log = await TestLog.open(wal, { segmentBytes: 3_000 });
      }
      await log.settle();
      return log.wal.durable;
    })();
    // Found while it is written, at least in part.
    const first = await readTo(published, { lane: '', ordinal: 1, seq: 2 });
    const end = await writing;
    const found = await readTo(published, end);
    const { entries } = await readLog(log.wal);
    expect(found).toEqual(entries.map(({ position }) => position));
    expect(found.slice(0, first.length)).toEqual(first);
    expect(published.durable).toEqual(end);
    expect(published.holes).toEqual([]);
    expect(published.holder?.pid).toBe(process.pid);
    await log.wal.close();
    await lock.release();
  });

  test('what it has not published is not there, though it may be on the disk', async () => {
    await using folder = await tempDirectory('published');
    const wal = join(folder.path, 'wal');
    const log = await TestLog.open(wal);
    for (let n = 1; n <= 10; n += 1) await log.write(line(n));
    await log.wal.close();
    const mark = present(parseDurableMark(await readFile(join(wal, 'durable'), 'latin1')));
    await writeFile(join(wal, 'durable'), formatDurableMark({ ...mark, seq: 5 }));
    const lock = await DirectoryLock.acquire(folder.path);
    const published = await PublishedLog.open(folder.path);
    expect(published.durable).toEqual({ lane: mark.lane, ordinal: 1, seq: 5 });
    expect(published.segments.map(({ lastSeq }) => lastSeq)).toEqual([5]);
    // A mark half overwritten tells nothing, and takes nothing back but what is in the newest file.
    await writeFile(join(wal, 'durable'), 'x');
    await published.refresh();
    expect(published.durable.seq).toBe(0);
    await lock.release();
    await rm(join(wal, 'durable'));
    await published.refresh();
    expect(published.durable.seq).toBe(12);
  });

  test('files that it knows are not opened again', async () => {
    await using folder = await tempDirectory('published');
    const wal = join(folder.path, 'wal');
    await writeLog(wal, 1, 30);
    const lock = await DirectoryLock.acquire(folder.path);
    const published = await PublishedLog.open(folder.path);
    const before = published.segments;
    expect(before.length).toBeGreaterThan(3);
    for (const { path } of before.slice(0, -1)) await writeFile(path, 'rubbish');
    await published.refresh();
    expect(published.segments).toEqual(before);
    await lock.release();
  });

  test('its newest file is complete, and read to its end, when a later one was published', async () => {
    await using folder = await tempDirectory('published');
    const wal = join(folder.path, 'wal');
    await writeLog(wal, 1, 30);
    const segments = await listSegments(wal);
    const last = present(segments.at(-1));
    const before = present(segments.at(-2));
    await rm(join(wal, last.name));
    const lock = await DirectoryLock.acquire(folder.path);
    const published = await PublishedLog.open(folder.path);
    expect(published.durable.seq).toBe(present(before.frames.at(-1)).lastSeq);
    await lock.release();
    // Nobody writes it any more: the next start will say that its end is gone.
    await published.refresh();
    expect(published.durable.seq).toBe(present(last.frames.at(-1)).lastSeq);
    expect(published.holes).toMatchObject([{ from: present(last.frames[0]).firstSeq }]);
  });
});

test('files that expire go, and a file that is missing between others is a hole', async () => {
  await using folder = await tempDirectory('published');
  const wal = join(folder.path, 'wal');
  await writeLog(wal, 2, 30);
  const segments = await listSegments(wal);
  const lock = await DirectoryLock.acquire(folder.path);
  const published = await PublishedLog.open(folder.path);
  await rm(join(wal, segments[0]?.name ?? ''));
  await rm(join(wal, segments[3]?.name ?? ''));
  await published.refresh();
  expect(published.segments).toHaveLength(segments.length - 2);
  const missing = present(segments[3]);
  const hole = {
    lane: missing.lane,
    from: missing.frames[0]?.firstSeq,
    to: missing.frames.at(-1)?.lastSeq,
  };
  expect(published.holes).toMatchObject([hole]);
  const { holes, entries } = await readLog(published);
  expect(holes).toMatchObject([hole]);
  expect(entries[0]?.position.seq).toBe(segments[1]?.frames[0]?.firstSeq);
  await lock.release();
});

async function segmentsIn(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => name.endsWith('.wal'));
}

test('a log that nobody writes goes to its last record, whatever was published', async () => {
  await using folder = await tempDirectory('published');
  const log = await TestLog.open(join(folder.path, 'one', 'wal'), { segmentBytes: 4_000 });
  for (let n = 1; n <= 40; n += 1) await log.write(line(n));
  // As a kill leaves it.
  const data = join(folder.path, 'two');
  await copyFolder(join(folder.path, 'one', 'wal'), join(data, 'wal'));
  const published = await PublishedLog.open(data);
  expect(published.durable).toEqual(log.wal.durable);
  const { entries, holes } = await readLog(published);
  expect(holes).toEqual([]);
  expect(dataOf(entries)).toEqual(dataOf((await readLog(log.wal)).entries));
  const [one, two] = [join(folder.path, 'one', 'wal'), join(data, 'wal')];
  expect(await segmentsIn(two)).toEqual(await segmentsIn(one));
  // The next start goes on in a new lane, and the old one is what it was.
  const lock = await DirectoryLock.acquire(data);
  const next = await TestLog.open(join(data, 'wal'));
  await next.settle();
  await published.refresh();
  const old = (await readLog(published)).entries.filter(({ position }) => position.ordinal === 1);
  expect(old).toEqual(entries);
  await next.wal.close();
  await log.wal.close();
  await lock.release();
});

test('a directory without a log is told', async () => {
  await using folder = await tempDirectory('published');
  await expect(PublishedLog.open(folder.path)).rejects.toMatchObject({ code: 'ENOENT' });
});
