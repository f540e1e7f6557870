import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openRepository } from '../../../src/archive/repository.ts';
import { readSummary } from '../../../src/archive/holdings/summary.ts';
import { describeRepository, type Info } from '../../../src/cli/history/info-contract.ts';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { type ArchiveStatus, ProxyProcess } from '../../kit/proxy-process.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { until } from '../../kit/until.ts';
import { HttpCollector } from './clients.ts';
import type { Health } from './damage-scene.ts';

const WAIT_MS_MAX = 60_000;
const LOOK_MS = 100;

/** Segments of a second, from files that a few puts fill, kept no longer than they are needed. */
const FLAGS =
  '--wal-cut-interval 100ms --wal-segment-bytes 4KiB --wal-retention 0s --wal-free-bytes-min 0B --delivery-heal-window 1ms --delivery-ack-timeout 500ms'.split(
    ' ',
  );

export interface ArchiveSceneOptions {
  readonly flags?: readonly string[];
  /** Called before the proxy starts, with the place of its repository. */
  readonly before?: (repository: string) => Promise<void>;
  readonly until?: 'live' | 'answering';
}

/** A proxy that archives, in front of an OpenTSDB in memory. */
export class ArchiveScene implements AsyncDisposable {
  readonly proxy: ProxyProcess;
  readonly repository: string;
  readonly #tsd: FakeTsd;
  readonly #folder: TempDirectory;
  readonly #collector: HttpCollector;
  /** One that was stopped would not notice that the proxy is gone. */
  readonly #archivers = new Set<number>();
  #puts = 0;
  #taken = 0;

  private constructor(parts: { tsd: FakeTsd; folder: TempDirectory; proxy: ProxyProcess }) {
    this.#tsd = parts.tsd;
    this.#folder = parts.folder;
    this.proxy = parts.proxy;
    this.repository = join(parts.folder.path, 'repository');
    this.#collector = new HttpCollector(this.proxy.port);
  }

  static async start(options: ArchiveSceneOptions = {}): Promise<ArchiveScene> {
    const tsd = await FakeTsd.start();
    const folder = await tempDirectory('archive');
    const repository = join(folder.path, 'repository');
    await options.before?.(repository);
    const flags = [...FLAGS, '--repository', repository, ...(options.flags ?? [])];
    const start = { primary: tsd.url, flags, until: options.until ?? 'live' } as const;
    const data = join(folder.path, 'data');
    const proxy = await ProxyProcess.start({ ...start, data });
    // A moment after the admin's address: a start waits for its lane first.
    await until(() => proxy.lines.some((line) => line.includes('"listening"')));
    return new ArchiveScene({ tsd, folder, proxy });
  }

  get walDirectory(): string {
    return join(this.proxy.dataDirectory, 'wal');
  }

  /** Of the log. */
  async countFiles(): Promise<number> {
    const names = await readdir(this.walDirectory);
    return names.filter((name) => name.endsWith('.wal')).length;
  }

  /** What was said instead of success, if so. */
  async tryPut(): Promise<string | undefined> {
    this.#puts += 1;
    const line = `put m ${1_700_000_000 + this.#puts} ${this.#puts} h=a` as const;
    const error = await this.#collector.put([line]);
    if (error === undefined) this.#taken += 1;
    return error;
  }

  /** So many points, each acknowledged by itself and so in a frame of its own. */
  async put(points: number): Promise<void> {
    for (let n = 0; n < points; n += 1) {
      const error = await this.tryPut();
      if (error !== undefined) throw new Error(error);
    }
  }

  async archive(): Promise<ArchiveStatus> {
    return (await this.proxy.status()).archive;
  }

  async untilArchive(holds: (archive: ArchiveStatus) => boolean): Promise<ArchiveStatus> {
    await this.proxy.until(({ archive }) => holds(archive), WAIT_MS_MAX);
    return this.archive();
  }

  /** Puts, and waits until it is in the repository, with all before. */
  async putAndArchive(points: number): Promise<void> {
    await this.put(points);
    await this.untilAllArchived();
  }

  /** All that was acknowledged so far. */
  async untilAllArchived(): Promise<void> {
    // Not as often as it goes: to look through a repository takes the processor from its archiver.
    await until(
      async () => (await this.info()).totals.points >= this.#taken,
      'all is archived',
      WAIT_MS_MAX,
      LOOK_MS,
    );
  }

  async health(): Promise<Health> {
    return (await (await fetch(`${this.proxy.adminUrl}/health`)).json()) as Health;
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.proxy.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^tsdb_wal_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  /** What `tsdb-wal info` tells. */
  async info(): Promise<Info> {
    const repository = await openRepository(this.repository);
    const summary = await readSummary(repository.store, { useIndex: true });
    return describeRepository(repository, summary, Date.now());
  }

  /** The archiver's, which a signal can be sent to. */
  async archiverPid(): Promise<number> {
    const { process: child } = await this.untilArchive((archive) => archive.process.pid !== null);
    this.#archivers.add(child.pid ?? 0);
    return child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#collector.close();
    await this.proxy[Symbol.asyncDispose]();
    for (const pid of this.#archivers) if (await isRunning(pid)) process.kill(pid, 'SIGKILL');
    await this.#tsd[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Whether the process is there, and no zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return /\) [^ZX] /.test(stat);
}
