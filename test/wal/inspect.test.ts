import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type FilterOptions, parseFilter } from '../../src/cli/history/inspect-filter.ts';
import { inspectWal, type InspectOptions } from '../../src/cli/history/wal-inspect.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { PublishedLog } from '../../src/wal/published-log.ts';
import { recoverLog } from '../../src/wal/recovery.ts';
import { tempDirectory } from '../kit/temp.ts';
import { listSegments, type SegmentPlace, writeLog } from '../kit/wal-files.ts';
import { present, TestLog } from '../kit/wal-log.ts';

interface Shown {
  readonly outcome: 'whole' | 'damaged';
  readonly text: string;
  /** Beside the records. */
  readonly notes: string;
  readonly lines: string[];
}

async function inspect(data: string, options: Omit<InspectOptions, 'data'> = {}): Promise<Shown> {
  let text = '';
  let notes = '';
  const print = (part: string): Promise<boolean> => {
    text += part;
    return Promise.resolve(true);
  };
  const outcome = await inspectWal({ data, ...options }, print, (note) => {
    notes += note;
  });
  return { outcome, text, notes, lines: text.split('\n').slice(0, -1) };
}

/** A data directory with two closed lanes of 10 records and a cursor. */
async function makeData(path: string): Promise<SegmentPlace[]> {
  await writeLog(join(path, 'wal'), 2, 10);
  const segments = await listSegments(join(path, 'wal'));
  const cursor = await Cursor.open(path, 'primary');
  await cursor.move({ lane: segments[0]?.lane ?? '', ordinal: 1, seq: 4 });
  return segments;
}

test('a file of a newer version is told as that by whoever opens the log, and left as it is', async () => {
  await using folder = await tempDirectory('inspect');
  const [first] = await makeData(folder.path);
  const path = join(folder.path, 'wal', present(first).name);
  const bytes = await readFile(path);
  bytes.writeUInt8(2, 7);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
  await writeFile(path, bytes);
  const newer = { code: 'FORMAT_NEWER', message: expect.stringContaining('(format 2)') as string };
  await expect(inspect(folder.path)).rejects.toMatchObject(newer);
  await expect(PublishedLog.open(folder.path)).rejects.toMatchObject(newer);
  await expect(recoverLog(join(folder.path, 'wal'), { repair: true })).rejects.toMatchObject(newer);
  expect(await readFile(path)).toEqual(bytes);
});

test('the summary names lanes, cursors and that nothing is damaged, and changes nothing', async () => {
  await using folder = await tempDirectory('inspect');
  const segments = await makeData(folder.path);
  const listing = await readdir(join(folder.path, 'wal'));
  const { outcome, text } = await inspect(folder.path);
  expect(outcome).toBe('whole');
  expect(text).toContain(`log of ${folder.path}: lanes 2, files ${segments.length}, bytes `);
  expect(text).toContain('not in use');
  expect(text).toContain(`lane ${segments[0]?.lane} (number 1): opened by start, the first`);
  expect(text).toContain(`opened by start, after ${segments[0]?.lane}/12`);
  expect(text).toContain('sequence 1 to 12: records 12, points 10, bytes ');
  expect(text).toContain('end: closed');
  expect(text).toContain(`  primary: at ${segments[0]?.lane}/4, records behind 20`);
  expect(text).toContain('holes: none');
  expect(await readdir(join(folder.path, 'wal'))).toEqual(listing);

  const json = await inspect(folder.path, { json: true });
  expect(json.lines).toHaveLength(1);
  expect(JSON.parse(json.text)).toMatchObject({
    data: folder.path,
    lanes: [
      { ordinal: 1, records: 12, points: 10, ended: 'closed', open: { reason: 'start' } },
      { ordinal: 2, records: 12, points: 10, ended: 'closed' },
    ],
    holes: [],
    tornBytes: 0,
    cursors: [{ name: 'primary', recordsBehind: 20 }],
  });
});

test('records are shown with time, transport, source and lines, by sequence and lane', async () => {
  await using folder = await tempDirectory('inspect');
  const [first] = await makeData(folder.path);
  const all = await inspect(folder.path, { records: true });
  expect(all.lines.filter((line) => line.startsWith('@'))).toHaveLength(24);
  expect(all.lines.filter((line) => line.startsWith('put '))).toHaveLength(20);
  expect(all.lines[2]).toMatch(
    /^@[0-9a-f]{16}\/2 \d{4}-\d\d-\d\dT[\d:.]{12}Z http 127\.0\.0\.1:1$/,
  );
  const one = await inspect(folder.path, { seq: `${first?.lane}/5` });
  expect(one.lines).toEqual([
    expect.stringContaining(`@${first?.lane}/5 `),
    expect.stringMatching(/^put m 4 0 /),
  ]);
  const some = await inspect(folder.path, { seq: '5-6', json: true });
  const records = some.lines.map((line) => JSON.parse(line) as { seq: number; lines: string[] });
  expect(records.map(({ seq }) => seq)).toEqual([5, 6, 5, 6]);
  expect(records[0]).toMatchObject({ kind: 'record', ordinal: 1, transport: 'http' });
});

test('records are shown by receive time: from inclusive, to exclusive', async () => {
  await using folder = await tempDirectory('inspect');
  await makeData(folder.path);
  const all = await inspect(folder.path, { records: true, json: true });
  const times = all.lines.map((line) => (JSON.parse(line) as { receivedAt: number }).receivedAt);
  const from = present(times[7]);
  const to = present(times[15]);
  const expected = times.filter((time) => time >= from && time < to).length;
  const iso = await inspect(folder.path, { from: new Date(from).toISOString(), to: String(to) });
  expect(iso.lines.filter((line) => line.startsWith('@'))).toHaveLength(expected);
  expect((await inspect(folder.path, { to: '2001-01-01T00:00:00+02:00' })).text).toBe('');
});

test('damage is told with exact bounds, in the summary and among the records', async () => {
  await using folder = await tempDirectory('inspect');
  const segments = await makeData(folder.path);
  const [target] = segments;
  const frame = present(target?.frames[1]);
  const path = join(folder.path, 'wal', target?.name ?? '');
  const bytes = await readFile(path);
  bytes[frame.start + 60] = 0;
  await writeFile(path, bytes);
  const last = present(segments.at(-1));
  await truncate(join(folder.path, 'wal', last.name), last.bytes - 1);
  const hole = `${target?.lane}/${frame.firstSeq} to ${frame.lastSeq}: `;
  const summary = await inspect(folder.path);
  expect(summary.outcome).toBe('damaged');
  expect(summary.text).toContain(`holes: \n  `);
  expect(summary.text).toContain(hole);
  expect(summary.text).toContain(`  ${last.lane}/12 to 12: `);
  expect(summary.text).toContain('end: unclean');
  const records = await inspect(folder.path, { records: true });
  expect(records.outcome).toBe('damaged');
  expect(records.lines.filter((line) => line.startsWith('# hole'))).toHaveLength(2);
  expect(records.text).toContain(`# hole ${hole}`);
  expect((await stat(join(folder.path, 'wal', last.name))).size).toBe(last.bytes - 1);
});

test('an unreadable cursor is told; so is a directory without a log', async () => {
  await using folder = await tempDirectory('inspect');
  await makeData(folder.path);
  await writeFile(join(folder.path, 'cursors', 'archive.json'), '{}');
  const { outcome, text } = await inspect(folder.path);
  expect(outcome).toBe('damaged');
  expect(text).toContain('  archive: unreadable');
  await mkdir(join(folder.path, 'empty'));
  await expect(inspect(join(folder.path, 'empty'))).rejects.toMatchObject({
    code: 'DATA_UNUSABLE',
  });
});

test('while a process writes, all that it has published is shown, and never damage', async () => {
  await using folder = await tempDirectory('inspect');
  const lock = await DirectoryLock.acquire(folder.path);
  const log = await TestLog.open(join(folder.path, 'wal'), { segmentBytes: 1 << 20 });
  const stop = new AbortController();
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      if (
        log.append([`put m ${n} 1 a=${'x'.repeat((n * 31) % 3_000)}`]) === undefined ||
        n % 20 === 0
      ) {
        await log.settle();
      }
    }
  })();
  let before = 0;
  for (let round = 0; round < 12; round += 1) {
    const { outcome, text } = await inspect(folder.path, { json: true });
    const { lanes, holes, holder } = JSON.parse(text) as {
      lanes: { records: number; ended: string }[];
      holes: object[];
      holder: { pid: number };
    };
    expect(holes).toEqual([]);
    expect(outcome).toBe('whole');
    expect(holder.pid).toBe(process.pid);
    expect(lanes.at(-1)?.ended ?? 'running').toBe('running');
    expect(lanes[0]?.records ?? 0).toBeGreaterThanOrEqual(before);
    before = lanes[0]?.records ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  expect(before).toBeGreaterThan(0);
  stop.abort();
  await writing;
  await log.wal.close();
  await lock.release();
  await rm(join(folder.path, 'wal', 'durable'));
  expect((await inspect(folder.path)).outcome).toBe('whole');
});

test('what reads on no more ends the output', async () => {
  await using folder = await tempDirectory('inspect');
  await writeLog(join(folder.path, 'wal'), 1, 300);
  let calls = 0;
  const stop = (): Promise<boolean> => {
    calls += 1;
    return Promise.resolve(false);
  };
  await inspectWal({ data: folder.path, records: true }, stop);
  expect(calls).toBe(1);
});

test('ticks are left out and counted, unless they are asked for', async () => {
  await using folder = await tempDirectory('inspect');
  const log = await TestLog.open(join(folder.path, 'wal'));
  await log.write(['put m 1 1 a=b']);
  for (let n = 0; n < 3; n += 1) log.wal.appendControl({ kind: 'tick', confirmed: null });
  log.wal.appendControl({ kind: 'cut' });
  await log.wal.close();
  const { text, notes } = await inspect(folder.path, { records: true });
  expect(text).not.toContain('!tick');
  expect(text).toMatch(/!open .*put m 1 1 a=b.*!cut/s);
  expect(notes).toContain('without 3 ticks');
  const all = await inspect(folder.path, { records: true, ticks: true });
  expect([all.text.match(/!tick/g)?.length, all.notes]).toEqual([3, '']);
  const one = await inspect(folder.path, { seq: '3' });
  expect(one.text).toContain('!tick');
});

test('a time says its zone, or is refused with both readings', () => {
  expect(parseFilter({})).toBeUndefined();
  expect(parseFilter({ from: '2025-06-01T12:00:00+02:00' })).toMatchObject({
    from: 1_748_772_000_000,
  });
  expect(parseFilter({ to: '1748772000000' })).toMatchObject({ to: 1_748_772_000_000, from: 0 });
  expect(parseFilter({ seq: 'a1/7-9' })).toMatchObject({ lane: 'a1', firstSeq: 7, lastSeq: 9 });
  expect(refused({ from: '2025-06-01T12:00' })).toMatchObject({
    code: 'CONFIG_INVALID',
    hint: expect.stringMatching(
      /^Write 2025-06-01T12:00:00Z if it is UTC, or 2025-06-01T12:00:00[+-]\d\d:\d\d if /,
    ) as string,
  });
  for (const from of ['yesterday', '2025-13-01T00:00:00Z', '12', '']) {
    expect(refused({ from })).toMatchObject({ code: 'CONFIG_INVALID' });
  }
  for (const seq of ['x', '1-', '-1', 'zz/1', '1.5', '5-1', 'a1/5-1']) {
    expect(refused({ seq })).toMatchObject({ code: 'CONFIG_INVALID' });
  }
});

function refused(options: FilterOptions): unknown {
  try {
    return parseFilter(options);
  } catch (error) {
    return error;
  }
}
