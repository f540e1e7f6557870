import { execFileSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeTsd } from '../../kit/fake-tsd.ts';
import { ProxyProcess } from '../../kit/proxy-process.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { listSegments, type SegmentPlace } from '../../kit/wal-files.ts';
import { HttpCollector } from './clients.ts';
import type { Line } from './ledger.ts';
import { readWholeLog } from './whole-log.ts';

/** A data file smaller than any default, so that a few puts make several. */
const SEGMENTS = ['--wal-segment-bytes', '4KiB', '--delivery-heal-window', '1ms'];

/** What a person who looks sees. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
  readonly degraded: readonly string[];
}

/** Records of a lane. */
export interface Span {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
}

/** A proxy in front of an OpenTSDB in memory. */
export class Scene implements AsyncDisposable {
  readonly tsd: FakeTsd;
  readonly proxy: ProxyProcess;
  readonly collector: HttpCollector;

  private constructor(tsd: FakeTsd, proxy: ProxyProcess) {
    this.tsd = tsd;
    this.proxy = proxy;
    this.collector = new HttpCollector(proxy.port);
  }

  static async start(options: { readonly data?: string } = {}): Promise<Scene> {
    const tsd = await FakeTsd.start();
    const flags = [...SEGMENTS, '--wal-free-bytes-min', '0B', '--delivery-ack-timeout', '500ms'];
    flags.push('--archive', 'off');
    const start = { primary: tsd.url, flags, until: 'live', ...options } as const;
    return new Scene(tsd, await ProxyProcess.start(start));
  }

  get walDirectory(): string {
    return join(this.proxy.dataDirectory, 'wal');
  }

  /** So many points, each acknowledged by itself and so in a frame of its own. */
  async put(points: number, metric = 'm'): Promise<Line[]> {
    const lines = Array.from(
      { length: points },
      (_, n) => `put ${metric} ${1_700_000_000 + n} ${n} h=a`,
    );
    for (const line of lines) {
      const error = await this.collector.put([line]);
      if (error !== undefined) throw new Error(error);
    }
    return lines;
  }

  async restart(): Promise<void> {
    await this.proxy.kill9();
    await this.proxy.start();
    await this.proxy.untilLive();
  }

  async health(): Promise<Health> {
    return (await (await fetch(`${this.proxy.adminUrl}/health`)).json()) as Health;
  }

  /** The files that hold frames. */
  async segments(): Promise<SegmentPlace[]> {
    return (await listSegments(this.walDirectory)).filter(({ frames }) => frames.length > 0);
  }

  /** How many points the records hold. */
  async putsIn({ lane, from, to }: Span): Promise<number> {
    const { puts } = await readWholeLog(this.proxy.dataDirectory);
    return puts.filter((put) => put.lane === lane && put.seq >= from && put.seq <= to).length;
  }

  async change(
    { name }: SegmentPlace,
    change: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
  ): Promise<void> {
    const file = await open(join(this.walDirectory, name), 'r+');
    try {
      await change(file);
    } finally {
      await file.close();
    }
  }

  async flip(segment: SegmentPlace, offset: number): Promise<void> {
    await this.change(segment, async (file) => {
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, offset);
      await file.write(Buffer.from([(byte[0] ?? 0) ^ 0x10]), 0, 1, offset);
    });
  }

  /** How many of the lines are not in the primary. */
  missing(lines: readonly Line[]): number {
    const known = new Set(this.tsd.points.map(({ metric, timestamp }) => `${metric} ${timestamp}`));
    return lines.filter((line) => !known.has(line.split(' ').slice(1, 3).join(' '))).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.collector.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.tsd[Symbol.asyncDispose]();
  }
}

/** A file system of 8 MiB in memory. */
export class Disk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(): Promise<Disk> {
    const { path } = await tempDirectory('disk');
    run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path]);
    return new Disk(path);
  }

  remount(mode: 'ro' | 'rw'): void {
    run('mount', ['-o', `remount,${mode}`, this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    run('umount', ['-l', this.path]);
    await rm(this.path, { recursive: true, force: true });
  }
}

export function mayMount(): boolean {
  const path = '/tmp';
  try {
    run('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', path]);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'ignore' });
}
