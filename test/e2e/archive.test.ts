import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseObjectName } from '../../src/archive/format/object-names.ts';
import { inspectLog } from '../../src/wal/inspect.ts';
import { runMain } from '../kit/spawn-main.ts';
import { listSegments } from '../kit/wal-files.ts';
import { until } from '../kit/until.ts';
import { ArchiveScene, isRunning } from './kit/archive-scene.ts';
import { MainProcess } from './kit/main-process.ts';

describe('a proxy that archives', () => {
  test('shows what it archives, and how far: info, status, metrics and the cursor agree', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    await scene.putAndArchive(5);
    const { safeTime: toSee } = await scene.info();
    const archive = await scene.untilArchive(({ safeTime }) => safeTime === toSee);
    expect(archive).toMatchObject({ mode: 'on', registered: true, holes: 0, troubles: [] });
    const info = await scene.info();
    expect(info).toMatchObject({ state: 'whole', holes: [], repository: { id: archive.id } });
    expect(info.totals.points).toBe(10);
    expect(await scene.metric('archive_points_total')).toBe(10);
    expect(await scene.metric('archive_segments_total')).toBeGreaterThanOrEqual(2);
    expect(await scene.metric('archive_up')).toBe(1);
    const from = await scene.metric('recoverable_from_timestamp_seconds');
    const to = await scene.metric('recoverable_to_timestamp_seconds');
    expect(from * 1_000).toBe(Date.parse(info.start ?? ''));
    expect(to).toBeGreaterThan(from);
    expect(await scene.health()).toEqual({ ok: true, reasons: [], degraded: [] });
    const { cursors } = await inspectLog(scene.proxy.dataDirectory);
    expect(cursors.map(({ name }) => name)).toEqual(['archive', 'primary']);
  });

  test('keeps the log until it is archived, and lets it go then', async () => {
    await using scene = await ArchiveScene.start();
    process.kill(await scene.archiverPid(), 'SIGSTOP');
    await scene.put(240);
    const last = seqOf((await scene.proxy.status()).log.durable);
    // Some ticks, and so some looks at retention, after the primary needs nothing of it any more.
    await scene.proxy.until(({ primary }) => seqOf(primary.confirmed) > last + 3);
    const files = await scene.countFiles();
    expect(files).toBeGreaterThan(6);
    process.kill(await scene.archiverPid(), 'SIGCONT');
    await until(async () => (await scene.countFiles()) < files / 2);
    await scene.untilAllArchived();
    expect(await scene.info()).toMatchObject({ holes: [], totals: { points: 240 } });
  });

  test('starts an archiver that was killed again, and it goes on where it stood', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    process.kill(await scene.archiverPid(), 'SIGKILL');
    await scene.put(5);
    await scene.untilArchive(({ process: { starts } }) => starts === 2);
    await scene.putAndArchive(5);
    expect(await scene.info()).toMatchObject({ state: 'whole', totals: { points: 15 } });
    expect(await scene.metric('archive_restarts_total')).toBe(1);
    expect(scene.proxy.lines.join('\n')).toContain('signal SIGKILL');
  });

  test('leaves no archiver behind when it is killed, and goes on at the next start', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const pid = await scene.archiverPid();
    await scene.put(5);
    await scene.proxy.kill9();
    await until(async () => !(await isRunning(pid)));
    await scene.proxy.start();
    await scene.putAndArchive(5);
    const info = await scene.info();
    expect(info).toMatchObject({ state: 'whole', totals: { points: 15, lanes: 2 } });
    expect(info.lanes.map(({ ended }) => ended)).toEqual([true, false]);
  });

  test('begins anew in another repository, and says so', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const { id } = await scene.archive();
    await scene.proxy.terminate();
    await scene.proxy.start(['--wal-cut-interval', '100ms', '--archive', 'on']);
    const archive = await scene.untilArchive(({ safeTime }) => safeTime !== null);
    expect(archive.id).not.toBe(id);
    expect(await readdir(scene.proxy.dataDirectory)).toContain('repository');
    expect(archive.holes).toBe(0);
    expect(scene.proxy.lines.join('\n')).toContain('history begins anew');
  });
});

describe('an archiver that is run by itself', () => {
  test('on a directory that another one archives is refused', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const pid = await scene.archiverPid();
    const { code, stderr } = await runMain(...commandOf(scene));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`^error DATA_LOCKED: process ${pid} on [^]*hint: Stop it, or name another`),
      ) as unknown,
    });
    await scene.putAndArchive(5);
  });

  test('waits for one that is ending', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const pid = await scene.archiverPid();
    process.kill(pid, 'SIGSTOP');
    await scene.proxy.kill9();
    await using archiver = MainProcess.start(...commandOf(scene));
    await archiver.until(`process ${pid} on `);
    process.kill(pid, 'SIGCONT');
    await archiver.until('"archiving"');
  });
});

describe('a repository that cannot be used', () => {
  const at = { before: occupy, until: 'answering' } as const;

  test('keeps writes from being taken, until it can', async () => {
    await using scene = await ArchiveScene.start(at);
    await until(async () => (await scene.health()).reasons.join().includes('cannot be used'));
    expect(await scene.tryPut()).toContain('503');
    expect(await scene.metric('archive_registered')).toBe(0);
    expect((await scene.health()).ok).toBe(false);
    await rm(scene.repository);
    await scene.proxy.until(({ log }) => log.taking);
    await scene.putAndArchive(1);
    expect(await scene.health()).toEqual({ ok: true, reasons: [], degraded: [] });
  });

  test('keeps none from being taken when that is allowed, and has them all in the end', async () => {
    await using scene = await ArchiveScene.start({
      ...at,
      flags: ['--archiver-unregistered', 'allow'],
    });
    await scene.proxy.until(({ log, archive }) => log.taking && archive.troubles.length > 1);
    await scene.put(3);
    const health = await scene.health();
    expect(health.ok).toBe(true);
    expect(health.degraded.join()).toContain(
      'writes are taken, though the repository does not know',
    );
    await rm(scene.repository);
    await scene.untilArchive(({ registered }) => registered);
    await scene.putAndArchive(1);
    expect(await scene.info()).toMatchObject({ state: 'whole', totals: { points: 4 } });
    const told = scene.proxy.lines.filter((line) => line.includes('writes are taken, though'));
    expect(told).toHaveLength(1);
  });

  test('that goes away and comes back costs nothing', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const away = `${scene.repository}-away`;
    await rename(scene.repository, away);
    await scene.untilArchive(({ state }) => state.kind === 'hindered');
    await scene.put(5);
    expect(await scene.metric('archive_up')).toBe(0);
    // What it was just writing told of it first.
    await until(async () => (await scene.health()).degraded.join().includes('is gone from'));
    expect(await readdir(scene.proxy.dataDirectory)).not.toContain('repository');
    await rename(away, scene.repository);
    await scene.putAndArchive(1);
    expect(await scene.info()).toMatchObject({ state: 'whole', totals: { points: 11 } });
  });

  test('that was there at an earlier start is not made anew', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(1);
    await scene.proxy.terminate();
    const away = `${scene.repository}-away`;
    await rename(scene.repository, away);
    // As a share that is not mounted looks.
    await mkdir(scene.repository);
    const started = scene.proxy.start();
    await until(async () => {
      const health = await scene.health().catch(() => undefined);
      return health?.reasons.join().includes('Mount it') === true;
    });
    expect(await readdir(scene.repository)).toEqual([]);
    await rm(scene.repository, { recursive: true });
    await rename(away, scene.repository);
    await started;
    expect(await scene.info()).toMatchObject({ state: 'whole', holes: [] });
  });

  test('that does not answer at all holds up neither the start nor the end', async () => {
    await using scene = await ArchiveScene.start({
      before: hang,
      until: 'answering',
      flags: ['--archiver-unregistered', 'allow'],
    });
    await scene.proxy.until(({ log }) => log.taking);
    await scene.put(3);
    const pid = await scene.archiverPid();
    expect(await scene.proxy.terminate()).toBe(0);
    await until(async () => !(await isRunning(pid)));
  });
});

describe('a hole made on purpose', () => {
  test('in the log before it was archived shows in info, metrics and health', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    const pid = await scene.archiverPid();
    process.kill(pid, 'SIGSTOP');
    await scene.put(120);
    const files = (await listSegments(scene.walDirectory)).filter(
      ({ frames }) => frames.length > 1,
    );
    const middle = files.at(-2);
    await rm(join(scene.walDirectory, middle?.name ?? ''));
    process.kill(pid, 'SIGCONT');
    await until(async () => (await scene.metric('archive_holes')) > 0);
    const { holes, state } = await scene.info();
    const [first, last] = [middle?.frames[0]?.firstSeq, middle?.frames.at(-1)?.lastSeq];
    expect(state).toBe('hole');
    expect(holes).toMatchObject([{ lane: middle?.lane, firstSeq: first, lastSeq: last }]);
    expect(await scene.metric('archive_holes')).toBe(1);
    const told = (await scene.health()).degraded.join();
    expect(told).toContain(`the repository lacks records ${middle?.lane}/${first} to ${last}`);
    const to = (await scene.archive()).recoverable?.to;
    expect(Date.parse(to ?? '')).toBeLessThan(Date.parse(holes[0]?.from ?? ''));
  });

  test('in the repository shows within a moment, and no more once it is put back', async () => {
    await using scene = await ArchiveScene.start();
    await scene.putAndArchive(5);
    await scene.putAndArchive(5);
    const sidecars = (await readdir(scene.repository, { recursive: true })).filter(
      (name) => parseObjectName(name)?.kind === 'sidecar',
    );
    const [removed = ''] = sidecars.toSorted();
    const aside = join(scene.proxy.dataDirectory, 'aside');
    await rename(join(scene.repository, removed), aside);
    await until(async () => (await scene.metric('archive_holes')) === 1);
    expect((await scene.info()).state).toBe('hole');
    await rename(aside, join(scene.repository, removed));
    await until(async () => (await scene.metric('archive_holes')) === 0);
  });
});

/** A file is in the place of the folder. */
async function occupy(place: string): Promise<void> {
  await writeFile(place, '');
}

/** Whoever opens the repository's file to read it waits for a writer that never comes. */
async function hang(place: string): Promise<void> {
  await mkdir(place);
  execFileSync('/usr/bin/mkfifo', [join(place, 'repository.json')]);
}

function seqOf(position: string | null): number {
  return Number(position?.split('/')[1] ?? 0);
}

/** On the directory of the proxy. */
function commandOf({ proxy, repository }: ArchiveScene): readonly string[] {
  return ['archive', '--data', proxy.dataDirectory, '--repository', repository];
}
