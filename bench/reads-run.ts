import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { END, LANES } from './info-repository.ts';
import { BenchError } from './processes.ts';
import { cpuSeconds, memory } from './procfs.ts';

/** Looking at years of idle lanes, in processes that are watched from outside. */
export interface ReadSample {
  readonly work: string;
  readonly seconds: number;
  /** Of the whole process. */
  readonly cpuSeconds: number;
  readonly rssPeakMiB: number;
}

export interface ReadsRun {
  readonly main: string;
  readonly repository: string;
  /** Of files that only last while it runs. */
  readonly folder: string;
}

const STANDBY_LOOK = fileURLToPath(new URL('./standby-look.ts', import.meta.url));
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** In a month that was closed before. */
const TARGET = END - 45 * DAY_MS + 12.34 * HOUR_MS;
/** As the commands have it. */
const NOTHING_FOUND = 8;
const POLL_MS = 10;
const HEAP = '--max-old-space-size=16384';

export async function measureReads({ main, repository, folder }: ReadsRun): Promise<ReadSample[]> {
  const place = ['--repository', repository];
  const work = join(folder, 'work');
  const restore = ['restore', '--dry-run', '--json', '--to', `${TARGET}`, '--work', work, ...place];
  const restored = await watch([main, ...restore], 0);
  assertWhole(restored.output);
  const times = ['--from', iso(TARGET), '--to', iso(TARGET + HOUR_MS)];
  const found = await watch([main, 'log', 'grep', ...times, ...place], NOTHING_FOUND);
  const at = `${END - HOUR_MS}`;
  const looked = await watch(['--import', 'tsx', STANDBY_LOOK, repository, folder, at], 0);
  const { firstSeconds, laterSeconds } = JSON.parse(looked.output) as {
    readonly firstSeconds: number;
    readonly laterSeconds: number;
  };
  return [
    { work: 'restore --dry-run', ...restored.sample },
    { work: 'log grep of an hour', ...found.sample },
    { ...looked.sample, work: 'standby, first look', seconds: firstSeconds },
    { ...looked.sample, work: 'standby, later look', seconds: laterSeconds },
  ];
}

/** With more heap than it should need, so that what it does need shows. */
async function watch(args: readonly string[], expected: number) {
  const startMs = performance.now();
  const child = spawn(process.execPath, [HEAP, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  let sample = { seconds: 0, cpuSeconds: 0, rssPeakMiB: 0 };
  while (child.exitCode === null && child.signalCode === null) {
    sample = look(child.pid) ?? sample;
    await Promise.race([ended, sleep(POLL_MS)]);
  }
  const [code] = await ended;
  const seconds = (performance.now() - startMs) / 1_000;
  if (code !== expected) {
    throw new BenchError(`bench: ${args.join(' ')} ended with ${code}: ${output}${said}`);
  }
  return { output, sample: { ...sample, seconds } };
}

/** Undefined once the process has ended. */
function look(pid: number | undefined): Omit<ReadSample, 'work'> | undefined {
  try {
    const { peakMiB } = memory(pid ?? 0);
    if (Number.isNaN(peakMiB)) return undefined;
    return { seconds: 0, cpuSeconds: cpuSeconds(pid ?? 0), rssPeakMiB: peakMiB };
  } catch {
    return undefined;
  }
}

/** Every lane comes from its first record on, without a gap. */
function assertWhole(output: string): void {
  const events = output.trim().split('\n');
  const planned = events.find((line) => line.includes('"event":"planned"')) ?? '{}';
  const { lanes = [], holes } = JSON.parse(planned) as {
    readonly lanes?: readonly { readonly ranges: readonly { readonly firstSeq: number }[] }[];
    readonly holes?: readonly unknown[];
  };
  const isWhole = lanes.every(({ ranges }) => ranges.length === 1 && ranges[0]?.firstSeq === 1);
  if (lanes.length === LANES && holes?.length === 0 && isWhole) return;
  throw new BenchError(`bench: the plan lacks something: ${output}`);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
