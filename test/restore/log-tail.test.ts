import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeCoverage } from '../../src/archive/holdings/coverage.ts';
import { findHistory, openSources } from '../../src/archive/tail/sources.ts';
import { buildTail } from '../../src/archive/tail/tail-builder.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { listSegments } from '../kit/wal-files.ts';
import { putBegin, putSegment } from '../kit/repository.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { line, writeLane } from '../archive/archive-rig.ts';
import { forkedHistories, histories } from './kit/histories.ts';
import { type MadeLane, stateAt } from './kit/history.ts';
import { asLines, LogScene, type Restored } from './kit/log-scene.ts';

const SAFE = { kind: 'safe' } as const;
const at = (ms: number) => ({ kind: 'at', ms }) as const;

/** Files of the log, as its retention does. */
async function dropAllButLast(wal: string): Promise<void> {
  for (const { name } of (await listSegments(wal)).slice(0, -1)) await rm(join(wal, name));
}

describe('a restore with the log', () => {
  test('gives the state at any time, whatever of the log is archived', async () => {
    const property = fc.asyncProperty(
      fc.oneof(histories, forkedHistories),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(1.1)),
      async (history, hidden, times) => {
        await using scene = await LogScene.create();
        await scene.write(history);
        await scene.rig.archiveAll();
        await scene.hide((index) => hidden[index % hidden.length] === true);
        const lanes = await scene.lanes();
        const { startMs, endMs } = spanOf(lanes);
        for (const time of times) {
          const ms = Math.round(startMs + (endMs - startMs) * time);
          const { lines } = await scene.restore(at(ms));
          expect(lines).toEqual(asLines(stateAt(lanes, ms)));
        }
      },
    );
    await fc.assert(property, { numRuns: 4 });
  });

  test('of a proxy that is gone reaches the last record that it acknowledged, and any time after it', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 30, 10);
    await scene.rig.archiveAll();
    // This one was killed: nothing closes its lane, and nothing of it is archived.
    const killed = await TestLog.open(scene.rig.wal, { segmentBytes: 4_000 });
    for (let n = 100; n < 110; n += 1) await killed.write([`put k ${n} 1 a=b`]);
    const lanes = await scene.lanes();
    const { endMs } = spanOf(lanes);
    const { lines, plan } = await scene.restore(SAFE);
    expect(plan.toMs).toBe(endMs);
    expect(lines).toEqual(asLines(stateAt(lanes, endMs)));
    expect(lines.size).toBe(40);
    expect(plan.log).toMatchObject({ data: scene.rig.data, isInUse: false });
    expect(plan.log?.ranges).toEqual([
      expect.objectContaining({ lane: lanes[1]?.lane, firstSeq: 1, points: 10 }),
    ]);
    expect((await scene.restore(at(endMs + 1))).lines).toEqual(lines);
    await expect(scene.restore(at(Date.now() + 60_000))).rejects.toMatchObject({
      code: 'TIME_UNREACHABLE',
    });
    await killed.wal.close();
  });

  test('beside a running proxy is complete for what is before its last durable record', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 5, 5);
    const lock = await DirectoryLock.acquire(scene.rig.data);
    const log = await TestLog.open(scene.rig.wal);
    await log.write(['put k 1 1 a=b']);
    await log.settle();
    // Up to what was published, which is told every 50 ms.
    await expect
      .poll(async () => (await scene.find(SAFE)).tail?.log.durable)
      .toEqual(log.wal.durable);
    const lanes = await scene.lanes();
    const { endMs } = spanOf(lanes);
    const { plan, lines } = await scene.restore(SAFE);
    expect(plan.log?.isInUse).toBe(true);
    expect(plan.toMs).toBe(endMs - 1);
    expect(lines).toEqual(asLines(stateAt(lanes, endMs - 1)));
    await expect(scene.find(at(endMs))).rejects.toMatchObject({
      code: 'TIME_UNREACHABLE',
      context: { nearestBefore: endMs - 1 },
    });
    await log.wal.close();
    await lock.release();
  });

  test('without a repository is told by the log alone, as long as it has everything', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 20, 10);
    await writeLane(scene.rig.wal, 10, 5);
    const alone = { repository: undefined };
    await rm(scene.rig.place, { recursive: true });
    const lanes = await scene.lanes();
    const { lines, plan } = await scene.restore(SAFE, alone);
    expect(plan.repository).toBeNull();
    expect(plan.log).toMatchObject({ archivedTo: null });
    expect(lines).toEqual(asLines(stateAt(lanes, spanOf(lanes).endMs)));
    const [first] = await listSegments(scene.rig.wal);
    await rm(join(scene.rig.wal, first?.name ?? ''));
    await expect(scene.find(SAFE, alone)).rejects.toMatchObject({
      code: 'HOLE_IN_THE_WAY',
      message: expect.stringContaining('no longer in the log, and not archived') as string,
    });
  });

  test('asks for the repository that the data directory archives to, and for no other', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 20, 10);
    await scene.rig.archiveAll();
    const named = { repository: undefined };
    expect((await scene.find(SAFE, named)).sources.repository?.place).toBe(scene.rig.place);
    const moved = `${scene.rig.place}-moved`;
    await cp(scene.rig.place, moved, { recursive: true });
    await rm(scene.rig.place, { recursive: true });
    await expect(scene.find(SAFE, named)).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' });
    expect((await scene.find(SAFE, { repository: moved })).sources.repository?.place).toBe(moved);
  });

  test('what has left the log and never came to the repository is a hole', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 40, 10);
    await scene.rig.archiveAll();
    await scene.hide((index) => index === 1);
    const lanes = await scene.lanes();
    const { endMs } = spanOf(lanes);
    expect((await scene.restore(SAFE)).plan.toMs).toBe(endMs);
    // Records 13 to 23 are hidden, about.
    for (const { name, frames } of await listSegments(scene.rig.wal)) {
      if ((frames[0]?.firstSeq ?? 0) <= 20) await rm(join(scene.rig.wal, name));
    }
    const error: unknown = await scene.find(at(endMs)).catch((fault: unknown) => fault);
    expect(error).toMatchObject({
      code: 'HOLE_IN_THE_WAY',
      message: expect.stringContaining('no longer in the log, and not archived') as string,
    });
    const { nearestBefore } = (error as { context: { nearestBefore: number } }).context;
    const { lines } = await scene.restore(SAFE);
    expect(lines).toEqual(asLines(stateAt(lanes, nearestBefore)));
    const { plan } = await scene.restore(at(endMs), { allowHoles: true });
    const [hole] = plan.holes;
    const known = asLines(
      stateAt(
        lanes,
        endMs,
        (_lane, seq) => seq < (hole?.firstSeq ?? 0) || seq > (hole?.lastSeq ?? 0),
      ),
    );
    expect((await scene.restore(at(endMs), { allowHoles: true })).lines).toEqual(known);
  });

  test('damage in the log is a hole where the repository lacks the records, and no matter where it has them', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 40, 10);
    await scene.rig.archiveAll();
    const { endMs } = spanOf(await scene.lanes());
    for (const { name, frames } of await listSegments(scene.rig.wal)) {
      const path = join(scene.rig.wal, name);
      const bytes = await readFile(path);
      for (const { start } of frames.slice(0, -1)) bytes[start + 60] = 0;
      await writeFile(path, bytes);
    }
    expect((await scene.restore(SAFE)).plan.holes).toEqual([]);
    await scene.hide((index) => index === 2);
    await expect(scene.find(at(endMs))).rejects.toMatchObject({
      code: 'HOLE_IN_THE_WAY',
      message: expect.stringContaining('unreadable bytes') as string,
    });
  });

  test('takes from the log what lies between segments of the repository, wherever those end', async () => {
    await using scene = await LogScene.create();
    const { rig } = scene;
    await writeLane(rig.wal, 30, 100);
    const { store } = rig.repository;
    const { lane, records } = present((await scene.lanes())[0]);
    const openedAt = present(records[0]).receivedAt;
    const known = { lane, ordinal: 1, firstSeq: 1, openedAt, previous: null };
    await putBegin(store, { ...known, reason: 'start', disputed: null, host: 'test' });
    const toMs = present(records[11]).receivedAt;
    await putSegment(store, {
      lane,
      level: 'minute',
      firstSeq: 5,
      lastSeq: 12,
      fromMs: openedAt,
      toMs,
    });
    const found = await scene.find(SAFE);
    const built = await buildTail({
      catalog: found.archived,
      tail: present(found.tail),
      duckdb: rig.duckdb,
      folder: rig.data,
      isWanted: () => true,
      onRead: () => undefined,
      now: Date.now(),
      signal: new AbortController().signal,
    });
    const made = [...built.local.values()].map(({ sidecar }) => [
      sidecar.firstSeq,
      sidecar.lastSeq,
    ]);
    expect(made).toEqual([
      [1, 4],
      [13, records.length],
    ]);
    expect(computeCoverage(built.catalog).holes).toEqual([]);
  });

  test('is the same restore when more was archived, or written, since', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 40, 10);
    await scene.rig.archiveAll();
    await scene.hide((index) => index > 0);
    const lanes = await scene.lanes();
    const ms = present(lanes[0]?.records[30]).receivedAt;
    const first = await scene.restore(at(ms));
    expect(first.plan.log?.ranges).toHaveLength(1);
    await writeLane(scene.rig.wal, 10, 10);
    await scene.commitHidden();
    const second = await scene.restore(at(ms));
    expect(second.plan.log?.ranges).toMatchObject([{ points: 10 }]);
    expect(second.plan.plan).toBe(first.plan.plan);
    expect(second.lines).toEqual(first.lines);
  });

  test('what is archived, and leaves the log, while it is read is no hole', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 60, 10);
    await scene.rig.archiveAll();
    await scene.hide((index) => index > 0);
    const lanes = await scene.lanes();
    const { endMs } = spanOf(lanes);
    const found = await scene.find(at(endMs));
    await scene.commitHidden();
    await dropAllButLast(scene.rig.wal);
    const { lines, found: again } = await scene.finish(found);
    expect(lines).toEqual(asLines(stateAt(lanes, endMs)));
    expect(again.tail?.lanes.flatMap(({ holes }) => holes)).toEqual([]);
  });

  test('nor is what goes between the two listings', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 60, 10);
    await scene.rig.archiveAll();
    await scene.hide((index) => index > 0);
    const sources = await openSources({ repository: scene.rig.place, data: scene.rig.data });
    let isDone = false;
    // When the segments are listed, and the log is not read yet.
    const store = {
      list: (prefix: string, after?: string) => sources.store.list(prefix, after),
      children: (prefix: string) => sources.store.children(prefix),
      read: async (name: string) => {
        if (!isDone && name.endsWith('begin.json')) {
          isDone = true;
          await scene.commitHidden();
          await dropAllButLast(scene.rig.wal);
        }
        return sources.store.read(name);
      },
    } as ObjectStore;
    const { catalog } = await findHistory({ ...sources, store }, { now: Date.now() });
    expect(isDone).toBe(true);
    expect(computeCoverage(catalog).holes).toEqual([]);
  });

  test('while the log is written, archived and shortened, gives what the whole archive gives later', async () => {
    await using scene = await LogScene.create();
    const { rig } = scene;
    await mkdir(rig.data, { recursive: true });
    const lock = await DirectoryLock.acquire(rig.data);
    const stop = new AbortController();
    let log = await TestLog.open(rig.wal, { segmentBytes: 4_000, retentionMs: 0 });
    const logs = [log];
    const writing = (async () => {
      for (let n = 1; !stop.signal.aborted; n += 1) {
        await log.write(line(n));
        if (n % 13 === 0) log.wal.appendControl({ kind: 'cut' });
        if (n % 20 === 0) await log.wal.maintain(await rig.cursor());
        if (n % 150 !== 0) continue;
        await log.wal.close();
        log = await TestLog.open(rig.wal, { segmentBytes: 4_000, retentionMs: 0 });
        logs.push(log);
      }
      await log.wal.close();
    })();
    const archiving = rig.archiver().run(stop.signal);
    await expect.poll(() => rig.archived.length).toBeGreaterThan(0);
    const rounds: Restored[] = [];
    while (rounds.length < 3 || logs.every(({ expired }) => expired.length === 0)) {
      const restored = await scene.restore(SAFE);
      if (restored.lines.size > (rounds.at(-1)?.lines.size ?? 0)) rounds.push(restored);
    }
    stop.abort();
    await Promise.all([writing, archiving]);
    await lock.release();
    await rig.archiveAll();
    expect(rounds.filter(({ plan }) => plan.log?.ranges.length).length).toBeGreaterThan(0);
    for (const { plan, lines } of rounds) {
      expect(plan.holes).toEqual([]);
      expect((await scene.restore(at(plan.toMs), { data: undefined })).lines).toEqual(lines);
    }
  });
});

function spanOf(lanes: readonly MadeLane[]): { startMs: number; endMs: number } {
  const all = lanes.flatMap(({ records }) => records.map(({ receivedAt }) => receivedAt));
  return { startMs: Math.min(...all), endMs: Math.max(...all) };
}
