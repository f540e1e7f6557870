import { mkdirSync, renameSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import type { Position } from '../../src/record/position.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { listSegments } from '../kit/wal-files.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { expectSame, readContent } from './archive-content.ts';
import { ArchiveRig, line, writeLane } from './archive-rig.ts';

const after = ({ lane, seq }: Position) => ({ lane, from: seq + 1, to: seq + 1 });

describe('what the log lost', () => {
  test('a file that was deleted before it was archived is told by a marker, and the rest is archived', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 7);
    await writeLane(rig.wal, 60, 7);
    const files = await listSegments(rig.wal);
    const gone = [
      present(files[2]),
      present(files.findLast(({ lane }) => lane === files[0]?.lane)),
      present(files.at(-2)),
    ];
    for (const { name } of gone) await rm(join(rig.wal, name));
    const holes = gone.map(({ lane, frames }) => ({
      lane,
      from: present(frames[0]).firstSeq,
      to: present(frames.at(-1)).lastSeq,
    }));
    await rig.archiveAll();
    await expectSame(rig, holes);
    expect(rig.holes).toMatchObject(holes);
    const { coverage } = await readContent(rig);
    expect(coverage.holes.map(({ reason }) => reason)).toEqual(
      Array.from({ length: 3 }, () => 'missing from the log'),
    );
    // Again, from nothing: the same markers.
    const before = await readdir(rig.place, { recursive: true });
    await rm(join(rig.data, 'cursors'), { recursive: true });
    await rig.archiveAll();
    expect(await readdir(rig.place, { recursive: true })).toEqual(before);
  });

  test('the oldest file, too, once its lane was registered', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 7);
    await rig.register();
    const [first] = await listSegments(rig.wal);
    await rm(join(rig.wal, first?.name ?? ''));
    const hole = { lane: present(first).lane, from: 1, to: present(first?.frames.at(-1)).lastSeq };
    await rig.archiveAll();
    await expectSame(rig, [hole], true);
    expect(rig.holes).toEqual([{ ...hole, reason: 'no longer in the log' }]);
  });

  test('an object that the repository lost is made again from the log once its sidecar is away, too', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 40);
    await rig.archiveAll();
    const names = await readdir(rig.place, { recursive: true });
    const data = present(names.find((name) => name.endsWith('.parquet')));
    const sidecar = `${data.slice(0, data.lastIndexOf('.', data.length - 9))}.json`;
    for (const name of [data, sidecar]) await rm(join(rig.place, name));
    const { length } = rig.archived;
    await rig.archiveUntil(() => rig.archived.length > length);
    expect(formatSidecarName(present(rig.archived.at(-1))[1])).toBe(sidecar);
    await expectSame(rig, []);
  });

  test('a file that comes back is archived after all, up to what is there already', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 40);
    const { name } = present((await listSegments(rig.wal))[2]);
    await rename(join(rig.wal, name), join(rig.data, name));
    await rig.archiveAll();
    const [hole] = rig.holes;
    await expectSame(rig, [present(hole)]);
    await rename(join(rig.data, name), join(rig.wal, name));
    const { length } = rig.archived;
    await rig.archiveUntil(() => rig.archived.length > length);
    const [, sidecar] = present(rig.archived.at(-1));
    expect(sidecar).toMatchObject({ firstSeq: hole?.from, lastSeq: hole?.to });
    await expectSame(rig, [], true);
  });

  test('a lane of which nothing is left is a hole', async () => {
    await using rig = await ArchiveRig.create();
    for (let lane = 0; lane < 3; lane += 1) await writeLane(rig.wal, 20, 7);
    // The archiver has known it before.
    const files = await listSegments(rig.wal);
    await rig.archiveUntil(async () => (await readContent(rig)).coverage.lanes.length === 3);
    await rm(join(rig.place, 'lanes', present(files[0]).lane, 'minute'), {
      recursive: true,
      force: true,
    });
    const middle = present(files.find(({ lane }) => lane !== files[0]?.lane)).lane;
    await rm(join(rig.place, 'lanes', middle, 'minute'), { recursive: true, force: true });
    for (const { name } of files.filter(({ lane }) => lane === middle))
      await rm(join(rig.wal, name));
    await rm(join(rig.data, 'cursors'), { recursive: true, force: true });
    await rig.archiveAll();
    await expectSame(rig, [{ lane: middle, from: 1, to: 24 }]);
    expect(rig.holes).toMatchObject([{ lane: middle, from: 1, to: 24 }]);
  });

  test('a log that is gone as a whole leaves a hole of unknown length after what a cursor knew', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 7);
    await rig.archiveAll();
    const { lane, lastSeq } = present(rig.archived.at(-1))[1];
    await rm(rig.wal, { recursive: true });
    const position = { lane, ordinal: 1, seq: lastSeq + 5 };
    const followers = [{ did: 'confirmed', position }];
    const log = await TestLog.open(rig.wal, { followers });
    await log.write(line(1));
    await log.wal.close();
    await rig.archiveAll();
    const { coverage } = await readContent(rig);
    const reason = `the end of the log is gone, and how much came after ${lastSeq + 5} is not known; confirmed up to ${lastSeq + 5}`;
    expect(coverage.holes).toMatchObject([
      { lane, firstSeq: lastSeq + 1, lastSeq: lastSeq + 6, reason },
    ]);
  });

  test('a log that is gone leaves no hole after an orderly stop, once all was archived', async () => {
    await using rig = await ArchiveRig.create();
    const closed = present(await writeLane(rig.wal, 20, 7));
    await rig.archiveAll();
    const followers = [{ did: 'archived', position: await rig.cursor() }];
    await rm(rig.wal, { recursive: true });
    const log = await TestLog.open(rig.wal, { followers, closed });
    await log.write(line(1));
    await log.wal.close();
    await rig.archiveAll();
    const { coverage } = await readContent(rig);
    expect(coverage).toMatchObject({ holes: [], lanes: [{ lane: closed.lane }, {}] });
    expect(coverage.lanes[0]?.coveredToMs).toBe('ended');
  });

  test('of an earlier lane of a log that is gone nothing is a hole after the end that the next one names', async () => {
    await using rig = await ArchiveRig.create();
    const ends = new Map<string, Position>();
    for (let lane = 0; lane < 2; lane += 1) {
      await writeLane(rig.wal, 20, 7);
      await rig.archiveAll();
      const end = present(await rig.cursor());
      ends.set(end.lane, end);
    }
    const [first, second] = [...ends.values()];
    await rm(rig.wal, { recursive: true });
    const followers = [
      { did: 'archived', position: second },
      { did: 'confirmed', position: first },
    ];
    const log = await TestLog.open(rig.wal, { followers });
    await log.write(line(1));
    await log.wal.close();
    // Whoever goes by cursors alone can't know that nothing came after it.
    expect(log.wal.recovered.holes).toMatchObject([
      after(present(first)),
      { ...after(present(second)), from: 1 },
    ]);
    await rig.archiveAll();
    expect(rig.holes).toMatchObject([after(present(second))]);
    const { coverage } = await readContent(rig);
    expect(coverage.holes.map(({ lane }) => lane)).toEqual([present(second).lane]);
  });

  test('bytes that nobody wrote are a hole of one frame', async () => {
    await using rig = await ArchiveRig.create();
    const log = await TestLog.open(rig.wal);
    await log.write(line(1));
    log.wal.append('http', '-', Buffer.from('put m 1 1 a=\u00e9\n', 'latin1'), 1);
    await log.settle();
    await log.write(line(2));
    await log.wal.close();
    const { lane, frames } = present((await listSegments(rig.wal))[0]);
    const { firstSeq, lastSeq } = present(
      frames.find((frame) => frame.firstSeq <= 3 && frame.lastSeq >= 3),
    );
    await rig.archiveAll();
    expect(rig.holes).toEqual([
      { lane, from: firstSeq, to: lastSeq, reason: 'a frame is no UTF-8' },
    ]);
    const { coverage, rows } = await readContent(rig);
    expect(coverage.holes).toMatchObject([{ firstSeq, lastSeq }]);
    expect(rows.filter(({ kind }) => kind === 'put').map(({ seq }) => seq)).not.toContain('3');
    expect(rows.filter(({ kind }) => kind === 'put')).toHaveLength(2);
  });
});

describe('what the repository lost', () => {
  test('segments that were removed are archived again, while it runs, and their neighbours stay', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 60, 7);
    let removed = 0;
    await rig.archiveUntil(async () => {
      if (removed === 0 && (await rig.isArchived())) {
        for (const index of [2, 3, 6]) {
          const [, sidecar] = present(rig.archived[index]);
          await rig.repository.store.remove(formatSidecarName(sidecar));
        }
        removed = rig.archived.length;
      }
      return removed > 0 && rig.archived.length === removed + 3;
    });
    await expectSame(rig);
    const names = rig.archived.map(([, sidecar]) => formatSidecarName(sidecar));
    expect(names.slice(removed)).toEqual([2, 3, 6].map((index) => names[index]));
  });

  test('also where the log is written without a pause', async () => {
    await using rig = await ArchiveRig.create();
    await mkdir(rig.data, { recursive: true });
    const lock = await DirectoryLock.acquire(rig.data);
    const log = await TestLog.open(rig.wal);
    // There never is a moment in which no segment is being made.
    let n = 0;
    const writing = setInterval(() => {
      n += 1;
      log.append(line(n));
      if (n % 10 !== 0) return;
      log.wal.appendControl({ kind: 'cut' });
      log.append(line(n));
    }, 5);
    const store = rig.repository.store;
    let name: string | undefined;
    await rig.archiveUntil(async () => {
      const { length } = rig.archived;
      if (length > 5) name ??= formatSidecarName(present(rig.archived[2])[1]);
      if (name === undefined) return false;
      const again = rig.archived.filter(([, sidecar]) => formatSidecarName(sidecar) === name);
      if (again.length === 1) await store.remove(name);
      return again.length > 1;
    });
    clearInterval(writing);
    await log.wal.close();
    await lock.release();
    await rig.archiveAll();
    await expectSame(rig);
  });

  test('a lost or damaged cursor costs nothing', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 7);
    await rig.archiveAll();
    const before = await readdir(rig.place, { recursive: true });
    const archived = rig.archived.length;
    const path = join(rig.data, 'cursors', 'archive.json');
    for (const damage of [() => rm(path), () => writeFile(path, 'rubbish')]) {
      await damage();
      await rig.archiveAll();
    }
    expect(rig.archived).toHaveLength(archived);
    expect(await readdir(rig.place, { recursive: true })).toEqual(before);
  });

  test('where the repository is gone nothing is written; when it is back, archiving goes on', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 7);
    await rename(rig.place, `${rig.place}.away`);
    await mkdir(rig.place);
    await rig.archiveUntil(() => rig.states.length > 0);
    expect(rig.states[0]).toContain('is gone from');
    expect(await readdir(rig.place)).toEqual([]);
    let isBack = false;
    await rig.archiveUntil(async () => {
      if (!isBack) {
        await rm(rig.place, { recursive: true });
        await rename(`${rig.place}.away`, rig.place);
      }
      isBack = true;
      return rig.isArchived();
    });
    expect(rig.states.at(-1)).toBe('archiving');
    await expectSame(rig);
  });

  test('where the repository goes away in the middle nothing more is written', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 7);
    let isAway = false;
    await rig.archiveUntil(() => rig.states.length > 1, {
      events: {
        archived: () => {
          if (isAway) return;
          isAway = true;
          renameSync(rig.place, `${rig.place}.away`);
          mkdirSync(rig.place);
        },
        passed: () => undefined,
        state: (state) => rig.states.push(state.kind),
        hole: () => undefined,
      },
    });
    expect(rig.states).toEqual(['archiving', 'hindered']);
    expect(await readdir(rig.place)).toEqual([]);
  });
});
