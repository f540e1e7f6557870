import { join } from 'node:path';
import { Archiver, type ArchiverOptions } from '../../src/archive/write/archiver.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { readOpenings } from '../../src/archive/write/lane-opening.ts';
import { registerLanes } from '../../src/archive/write/register-lanes.ts';
import { createRepository, type Repository } from '../../src/archive/repository.ts';
import type { Sidecar } from '../../src/archive/format/sidecar.ts';
import type { Hole } from '../../src/record/control.ts';
import type { Position } from '../../src/record/position.ts';
import { readLines, readRecords } from '../../src/record/record.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { FileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import type { DurableMark } from '../../src/wal/durable-mark.ts';
import { Cursor } from '../../src/wal/cursor.ts';
import { LogReader } from '../../src/wal/log-reader.ts';
import { PublishedLog } from '../../src/wal/published-log.ts';
import type { PlainRecord } from '../kit/plain-rows.ts';
import { tempDirectory, type TempDirectory } from '../kit/temp.ts';
import { TestLog } from '../kit/wal-log.ts';

/** Waits a hundredth of what is asked. */
export const hasty: Clock = {
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() * 100,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
};

/** A data directory, a repository, and what their archiver tells. */
export class ArchiveRig implements AsyncDisposable {
  readonly data: string;
  readonly wal: string;
  readonly place: string;
  readonly archived: [Position, Sidecar][] = [];
  readonly passed: Position[] = [];
  readonly states: string[] = [];
  readonly holes: Hole[] = [];
  readonly repository: Repository;
  readonly duckdb: Duckdb;
  readonly folder: string;
  readonly #folder: TempDirectory;

  private constructor(folder: TempDirectory, repository: Repository, duckdb: Duckdb) {
    this.#folder = folder;
    this.folder = folder.path;
    this.data = join(folder.path, 'data');
    this.wal = join(this.data, 'wal');
    this.place = repository.place;
    this.repository = repository;
    this.duckdb = duckdb;
  }

  static async create(operations?: FileOperations): Promise<ArchiveRig> {
    const folder = await tempDirectory('archive');
    const place = join(folder.path, 'repository');
    const store = new FileStore(place, operations);
    const repository = await createRepository(place, 1_000, store);
    const scratch = join(folder.path, 'duckdb');
    const duckdb = await Duckdb.open({ scratch, memoryMb: 256, threads: 1 });
    return new ArchiveRig(folder, repository, duckdb);
  }

  async register(): Promise<void> {
    const { data, repository } = this;
    const openings = await readOpenings((await PublishedLog.open(data)).segments);
    await registerLanes({ repository, data, openings, host: 'test' });
  }

  archiver(options: Partial<ArchiverOptions> = {}): Archiver {
    const { data, repository, duckdb } = this;
    return new Archiver({
      data,
      repository,
      duckdb,
      folder: join(this.#folder.path, 'segments'),
      clock: hasty,
      random: () => 0.5,
      version: '0.0.0',
      events: {
        archived: (position, sidecar) => this.archived.push([position, sidecar]),
        passed: (position) => this.passed.push(position),
        state: (state) => this.states.push(state.kind === 'hindered' ? state.reason : state.kind),
        hole: (hole) => this.holes.push(hole),
      },
      register: () => this.register(),
      ...options,
    });
  }

  /** Runs an archiver until something holds, looked at often. */
  async archiveUntil(
    holds: () => boolean | Promise<boolean>,
    options: Partial<ArchiverOptions> = {},
  ): Promise<void> {
    const stop = new AbortController();
    const running = this.archiver(options).run(stop.signal);
    const failed = running.then(
      () => false,
      () => true,
    );
    while (!(await Promise.race([failed, holdsSoon(holds)]))) continue;
    stop.abort();
    await running;
  }

  /** Until the cursor is at the end of the log. */
  async archiveAll(options: Partial<ArchiverOptions> = {}): Promise<void> {
    await this.archiveUntil(() => this.isArchived(), options);
  }

  async isArchived(): Promise<boolean> {
    const { durable } = await PublishedLog.open(this.data);
    const position = await this.cursor();
    return position?.lane === durable.lane && position.seq === durable.seq;
  }

  async cursor(): Promise<Position | undefined> {
    return (await Cursor.open(this.data, 'archive').catch(() => undefined))?.position;
  }

  /** The log's records by lane, in order. */
  async records(): Promise<Map<string, PlainRecord[]>> {
    const reader = new LogReader(await PublishedLog.open(this.data));
    const lanes = new Map<string, PlainRecord[]>();
    for (let place: Position | undefined; ;) {
      const read = await reader.next(place);
      if (read === undefined) break;
      if (read.kind === 'hole') {
        place = read.to;
        continue;
      }
      const { lane, ordinal, body, lastSeq } = read;
      const records = lanes.get(lane) ?? [];
      lanes.set(lane, records);
      for (const record of readRecords(body)) {
        const { seq, receivedAt, transport, source } = record;
        if (seq <= (records.at(-1)?.seq ?? 0)) continue;
        records.push({ seq, receivedAt, transport, source, lines: [...readLines(body, record)] });
      }
      place = { lane, ordinal, seq: lastSeq };
    }
    await reader.close();
    return lanes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.duckdb.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** The point number `n`. */
export function line(n: number): string[] {
  return [`put m ${n + 1} ${n} a=${'x'.repeat((n * 37) % 400)} b=c`];
}

/** A lane with so many points, cut every `cut` of them, in files of 4 KB. Resolves to where it was closed. */
export async function writeLane(
  wal: string,
  points: number,
  cut: number,
): Promise<DurableMark | undefined> {
  const log = await TestLog.open(wal, { segmentBytes: 4_000 });
  for (let n = 1; n <= points; n += 1) {
    await log.write(line(n));
    if (n % cut === 0) log.wal.appendControl({ kind: 'cut' });
  }
  return log.wal.close();
}

async function holdsSoon(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const isTrue = await holds();
  if (!isTrue) await pause();
  return isTrue;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
