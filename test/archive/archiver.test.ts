import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBeginName, formatSidecarName } from '../../src/archive/format/object-names.ts';
import { formatSidecar } from '../../src/archive/format/sidecar.ts';
import { DuckdbError } from '../../src/archive/duckdb.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { formatDurableMark } from '../../src/wal/durable-mark.ts';
import { copyFolder, listSegments } from '../kit/wal-files.ts';
import { present, TestLog } from '../kit/wal-log.ts';
import { diskError, failingSink } from '../kit/wal-sink.ts';
import { expectSame, readContent } from './archive-content.ts';
import { ArchiveRig, line, writeLane } from './archive-rig.ts';
import { records } from './log-records.ts';

describe('the archiver', () => {
  test('brings any log over, record by record, cut where the log says', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: records.map((some) => ({ kind: 'records' as const, some })) },
      { weight: 2, arbitrary: fc.constant({ kind: 'cut' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      await using rig = await ArchiveRig.create();
      const options = { segmentBytes: 2_000 };
      let log = await TestLog.open(rig.wal, options);
      for (const one of steps) {
        if (one.kind === 'cut') log.wal.appendControl({ kind: 'cut' });
        else if (one.kind === 'settle') await log.settle();
        else if (one.kind === 'reopen') {
          await log.wal.close();
          log = await TestLog.open(rig.wal, options);
        } else {
          for (const { lines, transport } of one.some) {
            const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
            log.wal.append(transport as 'http', '10.0.0.1:7', bytes, lines.length);
          }
        }
      }
      await log.wal.close();
      await rig.archiveAll();
      expect(rig.states).toEqual(['archiving']);
      await expectSame(rig);
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test('follows while the log is written, and never holds what is not durable', async () => {
    await using rig = await ArchiveRig.create();
    await mkdir(rig.data, { recursive: true });
    const lock = await DirectoryLock.acquire(rig.data);
    let log = await TestLog.open(rig.wal, { segmentBytes: 4_000 });
    const writing = (async () => {
      for (let n = 1; n <= 300; n += 1) {
        await log.write(line(n));
        if (n % 13 === 0) log.wal.appendControl({ kind: 'cut' });
        if (n % 100 !== 0) continue;
        await log.wal.close();
        log = await TestLog.open(rig.wal, { segmentBytes: 4_000 });
      }
      await log.wal.close();
    })();
    let isWritten = false;
    void writing.then(() => (isWritten = true));
    let ahead = 0;
    await rig.archiveUntil(async () => {
      const [last] = rig.archived.at(-1) ?? [];
      if (last?.ordinal === log.wal.durable.ordinal && last.seq > log.wal.durable.seq) ahead += 1;
      return isWritten && (await rig.isArchived());
    });
    expect(ahead).toBe(0);
    expect(rig.archived.length).toBeGreaterThan(20);
    await expectSame(rig);
    await lock.release();
  });

  test('waits with a segment until it is known where it ends', async () => {
    await using rig = await ArchiveRig.create();
    const log = await TestLog.open(rig.wal);
    await log.write(line(1));
    log.wal.appendControl({ kind: 'cut' });
    await log.write(line(2));
    await log.settle();
    await mkdir(rig.data, { recursive: true });
    const lock = await DirectoryLock.acquire(rig.data);
    await rig.archiveUntil(() => rig.archived.length > 0 && rig.states.length > 0);
    expect(rig.archived.map(([{ seq }]) => seq)).toEqual([3]);
    expect((await readContent(rig)).coverage.safeTimeMs).toBeLessThan(log.wal.now());
    // A kill, and the next start: its lane tells where this one ended.
    await lock.release();
    const next = await TestLog.open(rig.wal);
    await next.settle();
    await next.wal.close();
    await rig.archiveAll();
    await expectSame(rig);
    await log.wal.close();
  });

  test('knows where a lane ended by the file of the next one, though nothing in that is published', async () => {
    await using rig = await ArchiveRig.create();
    const log = await TestLog.open(rig.wal);
    await log.write(line(1));
    await log.settle();
    const copy = join(rig.data, 'copy');
    await copyFolder(rig.wal, copy);
    const { durable } = log.wal;
    await log.wal.close();
    await rm(rig.wal, { recursive: true });
    await rename(copy, rig.wal);
    const mark = formatDurableMark({ ...durable, segmentFirstSeq: 1 });
    const next = await TestLog.open(rig.wal);
    await next.settle();
    await next.wal.close();
    await writeFile(join(rig.wal, 'durable'), mark);
    const lock = await DirectoryLock.acquire(rig.data);
    await rig.archiveUntil(() => rig.archived.length > 0);
    expect(rig.archived).toMatchObject([[{ ordinal: 1 }, { firstSeq: 1, points: 1 }]]);
    await lock.release();
    await rig.archiveAll();
    await expectSame(rig);
  });

  test('commits an idle stretch as a sidecar without data, with what the primary confirmed', async () => {
    await using rig = await ArchiveRig.create();
    const log = await TestLog.open(rig.wal);
    log.wal.appendControl({ kind: 'cut' });
    for (let n = 0; n < 5; n += 1) log.wal.appendControl({ kind: 'tick', confirmed: `aaaa/${n}` });
    log.wal.appendControl({ kind: 'tick', confirmed: null });
    log.wal.appendControl({ kind: 'cut' });
    await log.wal.close();
    await rig.archiveAll();
    const [, idle] = rig.archived.map(([, sidecar]) => sidecar);
    expect(idle).toMatchObject({
      records: 7,
      points: 0,
      data: null,
      instants: null,
      confirmed: 'aaaa/4',
    });
    await expectSame(rig);
  });

  test('goes on in a new lane after a failed write and after a leap of the clock', async () => {
    await using rig = await ArchiveRig.create();
    let fails = false;
    let leapMs = 0;
    const openSink = failingSink(({ bytes }) => {
      if (fails && bytes.includes('put ')) throw diskError('EIO');
    }, true);
    const clock = {
      ...systemClock,
      now: () => systemClock.now() + leapMs,
      sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms / 50, signal),
    };
    const log = await TestLog.open(rig.wal, { openSink, clock });
    for (let n = 1; n <= 20; n += 1) await log.write(line(n));
    fails = true;
    await log.write(line(21));
    fails = false;
    await log.until(() => log.opened.length === 2);
    for (let n = 22; n <= 40; n += 1) await log.write(line(n));
    leapMs = -3_600_000;
    await log.wal.maintain(undefined);
    for (let n = 41; n <= 50; n += 1) await log.write(line(n));
    await log.wal.close();
    expect(log.opened).toEqual(['start', 'write failed', 'clock leap']);
    await rig.archiveAll();
    await expectSame(rig);
    const { coverage } = await readContent(rig);
    expect(coverage.lanes.map(({ coveredToMs }) => coveredToMs)).toContain('ended');
  });
});

describe('others', () => {
  test('a lane that is not registered is waited for', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 7);
    const { lane } = present((await listSegments(rig.wal))[0]);
    await rig.archiveUntil(() => rig.states.length > 0, { register: () => Promise.resolve() });
    expect(rig.states).toEqual([`lane ${lane} is not registered yet`]);
    expect(await readdir(rig.place)).toEqual(['repository.json']);
    await rig.archiveAll();
    expect(await rig.repository.store.read(formatBeginName(lane))).toBeDefined();
    await expectSame(rig);
  });

  test('a segment of the same records with other content is a conflict, told for as long as it is there', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 30, 7);
    await rig.archiveAll();
    const [, sidecar] = present(rig.archived[1]);
    const name = formatSidecarName(sidecar);
    await rig.repository.store.remove(name);
    // Another archiver is faster, and wrong.
    class OutrunStore extends FileStore {
      override async create(object: string, content: Uint8Array): Promise<'created' | 'exists'> {
        const other = Buffer.from(formatSidecar({ ...sidecar, points: 99 }));
        if (object === name) await super.create(object, other);
        return super.create(object, content);
      }
    }
    const repository = { ...rig.repository, store: new OutrunStore(rig.place) };
    await rig.archiveUntil(() => rig.states.some((state) => state.includes('and the log')), {
      repository,
    });
    expect(rig.states.at(-1)).toContain(`${name} has 8 records, 99 points`);
    // Its own data is removed, since nothing names it.
    const data = (await readdir(rig.place, { recursive: true })).filter((path) =>
      path.endsWith('.parquet'),
    );
    expect(data).toHaveLength(rig.archived.length);
    await rig.repository.store.remove(name);
    await rig.archiveUntil(() => rig.archived.length === data.length + 1);
    await expectSame(rig);
  });

  test('an internal error of DuckDB ends the run', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 10, 7);
    const duckdb = Object.assign(Object.create(rig.duckdb) as typeof rig.duckdb, {
      run: () => Promise.reject(new DuckdbError('INTERNAL Error: a bug')),
    });
    const running = rig.archiver({ duckdb }).run(new AbortController().signal);
    await expect(running).rejects.toThrow('INTERNAL Error');
    await rig.archiveAll();
    await expectSame(rig);
  });

  test('an archiver that is told to stop does, whatever it waits for', async () => {
    await using rig = await ArchiveRig.create();
    await writeLane(rig.wal, 10, 7);
    await rename(rig.place, `${rig.place}.away`);
    await rig.archiveUntil(() => rig.states.length > 0, { clock: systemClock });
    await rename(`${rig.place}.away`, rig.place);
    expect(rig.archived).toEqual([]);
  });
});
