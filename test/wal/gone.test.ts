import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FollowerPlace } from '../../src/wal/claim.ts';
import { formatDurableMark } from '../../src/wal/durable-mark.ts';
import { LogReader } from '../../src/wal/log-reader.ts';
import { tempDirectory } from '../kit/temp.ts';
import { range, reopen } from '../kit/wal-damage.ts';
import { listSegments, writeLog } from '../kit/wal-files.ts';
import { present, TestLog } from '../kit/wal-log.ts';

describe('a log that is gone', () => {
  const lane = 'aaaaaaaaaaaaaaaa';
  const upTo = (seq: number) => ({ lane, ordinal: 2, seq });

  test('is told by the followers: what one of them still needed, and that more may have come', async () => {
    await using folder = await tempDirectory('gone');
    const followers = [
      { did: 'archived', position: upTo(33) },
      { did: 'confirmed by OpenTSDB', position: upTo(38) },
    ];
    const { told, log } = await reopen(folder.path, { followers });
    const reason =
      'the end of the log is gone, and how much came after 38 is not known; archived up to 33, confirmed by OpenTSDB up to 38';
    expect(told).toEqual([{ lane, from: 34, to: 39, reason }]);
    expect(log.wal.recovered.end).toMatchObject({ lane, ordinal: 2, lastSeq: 39 });
    expect(log.wal.durable.ordinal).toBe(3);
    // The next start has it from the record that this one wrote.
    const later = await reopen(folder.path, { followers });
    expect(later.told).toEqual([]);
    expect(later.log.wal.recovered.toldBefore).toEqual(told);
  });

  test('is told as a whole when one of them has nothing of it', async () => {
    await using folder = await tempDirectory('gone');
    const earlier = { lane: 'bbbbbbbbbbbbbbbb', ordinal: 1, seq: 7 };
    const followers = [
      { did: 'archived', position: earlier },
      { did: 'confirmed by OpenTSDB', position: upTo(38) },
    ];
    const { told } = await reopen(folder.path, { followers });
    expect(told.map(range)).toEqual([
      { ...range({ ...earlier, from: 8, to: 8, reason: '' }) },
      { lane, from: 1, to: 39 },
    ]);
    expect(told[0]?.reason).toContain('archived up to 7, all of it confirmed by OpenTSDB');
    expect(told[1]?.reason).toContain('nothing of it archived, confirmed by OpenTSDB up to 38');
  });

  test('is told by a lane that others know, though no follower has come to it', async () => {
    await using folder = await tempDirectory('gone');
    const lanes = [{ lane, ordinal: 2 }];
    const followers = [{ did: 'archived', position: undefined }];
    const { told } = await reopen(folder.path, { followers, lanes });
    const reason =
      'the end of the log is gone, and how much of it there was is not known; nothing of it archived';
    expect(told).toEqual([{ lane, from: 1, to: 1, reason }]);
  });

  test('is no hole where all had passed what the mark says, and the next lane is after it', async () => {
    await using folder = await tempDirectory('gone');
    await writeLog(folder.path, 3, 20);
    const segments = await listSegments(folder.path);
    for (const { name } of segments) await rm(join(folder.path, name));
    const end = segments.at(-1);
    const position = { lane: end?.lane ?? '', ordinal: 3, seq: end?.frames.at(-1)?.lastSeq ?? 0 };
    const { told, log } = await reopen(folder.path, { followers: [{ did: 'archived', position }] });
    expect(told).toEqual([]);
    expect(log.wal.durable.ordinal).toBe(4);
  });

  test('is told from the first record that one still needed, also in earlier files than the one of the mark', async () => {
    await using folder = await tempDirectory('gone');
    await writeLog(folder.path, 1, 40);
    const segments = await listSegments(folder.path);
    for (const { name } of segments) await rm(join(folder.path, name));
    const newest = present(segments.at(-1));
    const end = present(newest.frames.at(-1)).lastSeq;
    expect(newest.frames[0]?.firstSeq).toBeGreaterThan(6);
    const at = (seq: number) => ({ lane: newest.lane, ordinal: 1, seq });
    const followers = [
      { did: 'archived', position: at(5) },
      { did: 'confirmed by OpenTSDB', position: at(end) },
    ];
    const { told, log } = await reopen(folder.path, { followers });
    expect(told.map(range)).toEqual([{ lane: newest.lane, from: 6, to: end }]);
    // Who reads on there meets the same, and not another hole.
    const read = await new LogReader(log.wal).next(at(5));
    expect(read).toMatchObject({ kind: 'hole', hole: present(told.map(range)[0]) });
  });

  test('is told, too, when the mark is of a file that nothing was written to', async () => {
    await using folder = await tempDirectory('gone');
    const mark = formatDurableMark({ lane, ordinal: 2, segmentFirstSeq: 34, seq: 33 });
    await writeFile(join(folder.path, 'durable'), mark);
    const followers = [{ did: 'archived', position: upTo(30) }];
    const { told, log } = await reopen(folder.path, { followers });
    expect(told.map(range)).toEqual([{ lane, from: 31, to: 33 }]);
    expect(log.wal.recovered.end).toMatchObject({ lane, lastSeq: 33 });
  });

  test('and was closed in order had nothing after that, whatever cursors say', async () => {
    await using folder = await tempDirectory('gone');
    const log = await TestLog.open(folder.path);
    await log.write(['put m 1 1 a=b']);
    const closed = present(await log.wal.close());
    const at = (seq: number) => ({ lane: closed.lane, ordinal: 1, seq });
    const told = async (followers: readonly FollowerPlace[]) => {
      await rm(folder.path, { recursive: true });
      return (await reopen(folder.path, { closed, followers })).told.map(range);
    };
    const archived = { did: 'archived', position: at(closed.seq) };
    expect(await told([archived])).toEqual([]);
    const hole = { lane: closed.lane, from: closed.seq, to: closed.seq };
    const confirmed = { did: 'confirmed', position: at(closed.seq - 1) };
    expect(await told([archived, confirmed])).toEqual([hole]);
    // Nor is anything told of it by one who has come to the end, when others are in the next lane.
    const later = { did: 'archived', position: upTo(5) };
    const next = { lane, from: 1, to: 6 };
    expect(await told([later, { did: 'confirmed', position: at(closed.seq) }])).toEqual([next]);
  });

  test('that has its lane’s file back is told no more', async () => {
    await using folder = await tempDirectory('gone');
    const { path } = folder;
    await writeLog(path, 3, 20);
    const segments = await listSegments(path);
    const lost = segments.filter(({ lane: one }) => one === segments.at(-1)?.lane);
    for (const { name } of lost) await rename(join(path, name), join(path, `${name}.away`));
    expect((await reopen(path)).told).toHaveLength(1);
    for (const { name } of lost) await rename(join(path, `${name}.away`), join(path, name));
    const { told, log } = await reopen(path);
    expect([...told, ...log.wal.recovered.toldBefore]).toEqual([]);
  });
});
