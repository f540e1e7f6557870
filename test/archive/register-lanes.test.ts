import { cp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { readOpenings } from '../../src/archive/write/lane-opening.ts';
import { formatBeginName } from '../../src/archive/format/object-names.ts';
import { registerLanes } from '../../src/archive/write/register-lanes.ts';
import { createRepository, type Repository } from '../../src/archive/repository.ts';
import { type Begin, parseBegin } from '../../src/archive/format/sidecar.ts';
import { recoverLog } from '../../src/wal/recovery.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/wal/segment-file.ts';
import { putSegment } from '../kit/repository.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { ManualClock } from '../kit/wal-clock.ts';
import { listSegments, writeLog } from '../kit/wal-files.ts';
import { present, TestLog } from '../kit/wal-log.ts';

const RECORDS = 20;

interface Scene extends AsyncDisposable {
  readonly folder: TempDirectory;
  readonly data: string;
  readonly wal: string;
  readonly repository: Repository;
}

/** A data directory whose log has so many lanes of several files each, and an empty repository. */
async function scene(lanes: number): Promise<Scene> {
  const folder = await tempDirectory('register');
  const data = join(folder.path, 'data');
  const wal = join(data, 'wal');
  await writeLog(wal, lanes, RECORDS);
  const repository = await createRepository(join(folder.path, 'repository'), 1_000);
  return {
    folder,
    data,
    wal,
    repository,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function openingsOf(wal: string) {
  return readOpenings((await recoverLog(wal, { repair: false })).segments);
}

async function register({
  data,
  wal,
  repository,
}: Omit<Scene, 'folder' | symbol>): Promise<Begin[]> {
  const openings = await openingsOf(wal);
  await registerLanes({ repository, data, openings, host: 'h' });
  return Promise.all(openings.map(({ lane }) => beginOf(repository, lane)));
}

async function beginOf({ store }: Repository, lane: string): Promise<Begin> {
  return present(parseBegin(present(await store.read(formatBeginName(lane)))));
}

async function lanesOf(wal: string): Promise<string[]> {
  return [...new Set((await listSegments(wal)).map(({ lane }) => lane))];
}

async function removeLane(wal: string, lane: string): Promise<void> {
  for (const segment of await listSegments(wal)) {
    if (segment.lane === lane) await rm(join(wal, segment.name));
  }
}

/** Of the lane that is number `n` from 0 in the log. */
async function removeFirstFile(wal: string, n: number): Promise<{ readonly lastSeq: number }> {
  const lane = (await lanesOf(wal))[n];
  const first = present((await listSegments(wal)).find((segment) => segment.lane === lane));
  await rm(join(wal, first.name));
  return { lastSeq: present(first.frames.at(-1)).lastSeq };
}

describe('registering lanes', () => {
  test('gives each lane of the log a begin that names the one before', async () => {
    await using the = await scene(3);
    const [first, second, third] = await register(the);
    const last = RECORDS + 2;
    expect(first).toMatchObject({ ordinal: 1, firstSeq: 1, previous: null, reason: 'start' });
    expect(second).toMatchObject({ ordinal: 2, previous: { lane: first?.lane, lastSeq: last } });
    expect(third).toMatchObject({ ordinal: 3, previous: { lane: second?.lane, lastSeq: last } });
    expect(third?.disputed).toBeNull();
    expect(third?.host).toBe('h');
  });

  test('takes time, reason and disputed interval from the lane’s first record', async () => {
    await using folder = await tempDirectory('register');
    const clock = new ManualClock();
    const wal = join(folder.path, 'wal');
    const log = await TestLog.open(wal, { clock });
    await log.settle();
    const from = clock.wall;
    clock.wall += 5_000;
    await log.wal.maintain(undefined);
    await log.settle();
    await log.wal.close();
    const repository = await createRepository(join(folder.path, 'repository'), 1_000);
    const [, leapt] = await register({ data: folder.path, wal, repository });
    const disputed = { from, to: from + 5_000 };
    expect(leapt).toMatchObject({ reason: 'clock leap', openedAt: from + 5_000, disputed });
  });

  test('changes nothing when it is repeated, and many copies that do it at once agree', async () => {
    await using the = await scene(3);
    const copies = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const data = join(the.folder.path, `copy-${n}`);
        await cp(the.data, data, { recursive: true });
        return { ...the, data, wal: join(data, 'wal') };
      }),
    );
    const many = await Promise.all(copies.map(register));
    for (const begins of many) expect(begins).toEqual(many[0]);
    expect(await register(the)).toEqual(many[0]);
  });

  test('leaves a lane out that has no durable record yet', async () => {
    await using the = await scene(2);
    const newest = present((await listSegments(the.wal)).at(-1));
    const [first] = await lanesOf(the.wal);
    await removeLane(the.wal, present((await lanesOf(the.wal))[1]));
    await using other = await tempDirectory('register');
    const log = await TestLog.open(the.wal);
    await log.wal.close();
    const opened = present((await listSegments(the.wal)).find(({ lane }) => lane !== first));
    expect(opened.lane).not.toBe(newest.lane);
    await cp(the.wal, other.path, { recursive: true });
    await truncate(join(other.path, opened.name), SEGMENT_HEADER_BYTES);
    await rm(join(other.path, 'durable'), { force: true });
    expect((await openingsOf(other.path)).map(({ lane }) => lane)).toEqual([first]);
  });

  test('ties the lanes on both sides of a start that failed before its first record', async () => {
    await using the = await scene(2);
    const [, second = ''] = await lanesOf(the.wal);
    const [kept, ...others] = (await listSegments(the.wal)).filter(({ lane }) => lane === second);
    for (const { name } of others) await rm(join(the.wal, name));
    await truncate(join(the.wal, present(kept).name), SEGMENT_HEADER_BYTES);
    await rm(join(the.wal, 'durable'), { force: true });
    const log = await TestLog.open(the.wal);
    await log.settle();
    await log.wal.close();
    const [first, empty, third] = await register(the);
    expect(empty).toMatchObject({ lane: second, previous: { lane: first?.lane } });
    expect(third?.previous).toEqual({ lane: second, lastSeq: 0 });
  });

  describe('that a repository is to hold from some point on', () => {
    test('begins with what the log still has, after nothing', async () => {
      await using the = await scene(2);
      await removeLane(the.wal, present((await lanesOf(the.wal))[0]));
      const { lastSeq } = await removeFirstFile(the.wal, 0);
      const [begin] = await register(the);
      expect(begin).toMatchObject({ firstSeq: lastSeq + 1, previous: null, reason: 'unknown' });
      const { holes } = computeCoverage(await readCatalog(the.repository.store));
      expect(holes).toEqual([]);
    });

    test('begins anew in another repository', async () => {
      await using the = await scene(1);
      const [first] = await register(the);
      await writeLog(the.wal, 1, RECORDS);
      await removeLane(the.wal, first?.lane ?? '');
      const repository = await createRepository(join(the.folder.path, 'other'), 1_000);
      expect(await register({ ...the, repository })).toMatchObject([{ previous: null }]);
    });
  });

  describe('once the repository holds one of them', () => {
    test('shows as a hole what the log lost of the next before it was registered', async () => {
      await using the = await scene(1);
      const [first] = await register(the);
      const lane = present(first).lane;
      const toMs = present(first).openedAt + 60_000;
      const span = { firstSeq: 1, lastSeq: RECORDS, fromMs: toMs - 60_000, toMs };
      await putSegment(the.repository.store, { lane, level: 'minute', ...span });
      await writeLog(the.wal, 2, RECORDS);
      await removeLane(the.wal, lane);
      await removeLane(the.wal, present((await lanesOf(the.wal))[0]));
      const { lastSeq } = await removeFirstFile(the.wal, 0);
      const [begin] = await register(the);
      expect(begin).toMatchObject({ firstSeq: 1, previous: { lane, lastSeq: RECORDS } });
      const second = { lane: present(begin).lane, level: 'minute', firstSeq: lastSeq + 1 } as const;
      const later = { lastSeq: lastSeq + 5, fromMs: toMs, toMs: toMs + 60_000 };
      await putSegment(the.repository.store, { ...second, ...later });
      const coverage = computeCoverage(await readCatalog(the.repository.store));
      expect(coverage.holes).toMatchObject([{ lane: second.lane, firstSeq: 1, lastSeq }]);
      expect(coverage.restorable.at(-1)?.toMs).toBeLessThan(toMs);
    });

    test('shows a lane that came and went unregistered as a hole', async () => {
      await using the = await scene(1);
      await register(the);
      await writeLog(the.wal, 2, RECORDS);
      const [first = '', second = ''] = await lanesOf(the.wal);
      await removeLane(the.wal, first);
      await removeLane(the.wal, second);
      const [third] = await register(the);
      expect(third?.previous?.lane).toBe(second);
      const { holes } = computeCoverage(await readCatalog(the.repository.store));
      expect(holes).toMatchObject([{ lane: second, firstSeq: 1, lastSeq: RECORDS + 2 }]);
    });

    test('goes on where it stood though archive.json is lost', async () => {
      await using the = await scene(1);
      const [first] = await register(the);
      await rm(join(the.data, 'archive.json'));
      await writeLog(the.wal, 1, RECORDS);
      await removeLane(the.wal, first?.lane ?? '');
      expect(await register(the)).toMatchObject([{ previous: { lane: first?.lane } }]);
    });

    test('lets a copied directory follow the same lane as its original', async () => {
      await using the = await scene(1);
      const [first] = await register(the);
      const copy = { ...the, data: join(the.folder.path, 'copy') };
      await cp(the.data, copy.data, { recursive: true });
      const copied = { ...copy, wal: join(copy.data, 'wal') };
      for (const { wal } of [the, copied]) await writeLog(wal, 1, RECORDS);
      const [, original] = await register(the);
      const [, follower] = await register(copied);
      expect(follower?.lane).not.toBe(original?.lane);
      for (const begin of [original, follower]) expect(begin?.previous?.lane).toBe(first?.lane);
      const { holes, conflicts } = computeCoverage(await readCatalog(the.repository.store));
      expect([holes, conflicts]).toEqual([[], []]);
    });

    test('refuses a directory that was put back to before what the repository holds', async () => {
      await using the = await scene(1);
      const [first] = await register(the);
      const { lane, openedAt } = present(first);
      const span = { firstSeq: 1, lastSeq: RECORDS + 9, fromMs: openedAt, toMs: openedAt + 5 };
      await putSegment(the.repository.store, { lane, level: 'minute', ...span });
      await writeLog(the.wal, 1, RECORDS);
      await expect(register(the)).rejects.toMatchObject({ code: 'WAL_ROLLED_BACK' });
      // A later start opens one more lane, after that which was refused.
      await writeLog(the.wal, 1, RECORDS);
      await expect(register(the)).rejects.toMatchObject({ code: 'WAL_ROLLED_BACK' });
      const [, ...refused] = await lanesOf(the.wal);
      expect(refused.length).toBe(2);
      for (const name of refused.map(formatBeginName)) {
        expect(await the.repository.store.read(name)).toBeUndefined();
      }
    });
  });

  test('does not look at the repository again for a lane that it has registered', async () => {
    await using the = await scene(1);
    await register(the);
    const home = await readFile(join(the.data, 'archive.json'), 'utf8');
    await rm(the.repository.store.root, { recursive: true });
    const openings = await openingsOf(the.wal);
    await registerLanes({ ...the, openings, host: 'h' });
    expect(await readFile(join(the.data, 'archive.json'), 'utf8')).toBe(home);
    await expect(stat(the.repository.store.root)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
