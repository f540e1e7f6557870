import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { archivedBefore } from '../src/archive/write/archive-cursor.ts';
import { listLanes, readSidecar } from '../src/archive/holdings/catalog.ts';
import { laneDays } from '../src/archive/holdings/lane-days.ts';
import { Merger } from '../src/archive/merge/merger.ts';
import type { Level, SegmentName } from '../src/archive/format/object-names.ts';
import { openRepository, type Repository } from '../src/archive/repository.ts';
import { systemClock } from '../src/runtime/clock.ts';
import type { WrittenLog } from './archive-log.ts';
import { BenchError } from './processes.ts';
import { cpuSeconds, memory } from './procfs.ts';

/** Archiving one log by the built command, watched from outside, and merging what it made. */
export interface ArchiveSample {
  readonly points: number;
  /** From the start of the process until the last record is committed. */
  readonly seconds: number;
  readonly pointsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly rssPeakMiB: number;
}

export interface MergeSample {
  /** Each point once for the hour and once for the day. */
  readonly points: number;
  readonly seconds: number;
  readonly pointsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
}

/** Of all segments of a level. */
export interface LevelSize {
  readonly segments: number;
  readonly points: number;
  readonly bytesPerPoint: number;
}

const POLL_MS = 20;
const SILENT_MS_MAX = 120_000;
const MEMORY_MB = 256;
const MILLION = 1_000_000;
/** As `start` runs it. */
const NODE_OPTIONS = ['--enable-source-maps'];

export interface ArchiveRun {
  readonly main: string;
  readonly data: string;
  readonly repository: string;
  readonly log: WrittenLog;
}

export async function measureArchive(run: ArchiveRun): Promise<ArchiveSample> {
  const { main, data, repository, log } = run;
  const outputPath = join(data, 'archiver.log');
  const output = openSync(outputPath, 'a');
  const args = [...NODE_OPTIONS, main, 'archive', '--data', data, '--repository', repository];
  const startMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', output, output] });
  const { pid } = child;
  const ended = once(child, 'close');
  try {
    if (pid === undefined) throw new BenchError('bench: the archiver did not start');
    await untilArchived(data, log, () => {
      if (child.exitCode === null && child.signalCode === null) return;
      throw new BenchError(`bench: the archiver ended:\n${readFileSync(outputPath, 'utf8')}`);
    });
    const seconds = (performance.now() - startMs) / 1_000;
    return {
      points: log.points,
      seconds,
      pointsPerSecond: log.points / seconds,
      cpuSecondsPerMillion: (cpuSeconds(pid) / log.points) * MILLION,
      rssPeakMiB: memory(pid).peakMiB,
    };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** Throws when the cursor stands still for long, or `check` does. */
async function untilArchived(data: string, log: WrittenLog, check: () => void): Promise<void> {
  let movedMs = performance.now();
  let lastSeq = 0;
  for (;;) {
    check();
    const position = await archivedBefore(data);
    if (position?.lane === log.lane && position.seq === log.lastSeq) return;
    if (position !== undefined && position.seq !== lastSeq) {
      lastSeq = position.seq;
      movedMs = performance.now();
    }
    if (performance.now() - movedMs > SILENT_MS_MAX) {
      throw new BenchError(`bench: nothing was archived for ${SILENT_MS_MAX / 1_000} s`);
    }
    await sleep(POLL_MS);
  }
}

/** Hours of minutes, and days of hours, in this process: its CPU is that of merging. */
export async function measureMerge(place: string, folder: string): Promise<MergeSample> {
  let points = 0;
  const faults: string[] = [];
  const merger = new Merger({
    repository: await openRepository(place),
    clock: systemClock,
    writer: 'tsdb-wal bench',
    folder: join(folder, 'merging'),
    memoryMb: MEMORY_MB,
    isBehind: () => false,
    events: {
      merged: (sidecar) => (points += sidecar.points),
      blocked: (object, reason) => faults.push(`${object}: ${reason}`),
      indexed: () => undefined,
      hindered: (reason) => faults.push(reason ?? 'merging went on'),
    },
  });
  const before = process.cpuUsage();
  const startMs = performance.now();
  await merger.once(new AbortController().signal);
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  if (faults.length > 0) throw new BenchError(`bench: merging failed: ${faults.join('; ')}`);
  return {
    points,
    seconds,
    pointsPerSecond: points / seconds,
    cpuSecondsPerMillion: (user + system) / points,
  };
}

export async function sizesOf(place: string): Promise<ReadonlyMap<Level, LevelSize>> {
  const sums = new Map<Level, { segments: number; points: number; bytes: number }>();
  for (const { level, points, bytes } of await readSegments(await openRepository(place))) {
    const sum = sums.get(level) ?? { segments: 0, points: 0, bytes: 0 };
    sums.set(level, {
      segments: sum.segments + 1,
      points: sum.points + points,
      bytes: sum.bytes + bytes,
    });
  }
  return new Map(
    [...sums].map(([level, { segments, points, bytes }]) => [
      level,
      { segments, points, bytesPerPoint: bytes / points },
    ]),
  );
}

async function readSegments(
  repository: Repository,
): Promise<{ level: Level; points: number; bytes: number }[]> {
  const { store } = repository;
  const found: { level: Level; points: number; bytes: number }[] = [];
  const segments: SegmentName[] = [];
  for await (const lane of listLanes(store, [])) {
    const days = laneDays({ store, lane, onStranger: () => undefined });
    for await (const day of days) segments.push(...day.segments);
  }
  for (const segment of segments) {
    const sidecar = await readSidecar(store, segment);
    if (sidecar === undefined) throw new BenchError('bench: a segment is gone');
    const { level, points, data } = sidecar;
    // What holds no point is a few rows of the log's own.
    if (points > 0) found.push({ level, points, bytes: data?.bytes ?? 0 });
  }
  return found;
}
