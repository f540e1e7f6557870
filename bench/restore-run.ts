import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestoreEvent } from '../src/restore/restore-request.ts';
import { BenchError } from './processes.ts';
import { cpuSeconds, memory } from './procfs.ts';

/** One restore by the built command, without the comparison, watched from outside. */
export interface RestoreSample {
  /** Loaded, after the fold. */
  readonly points: number;
  /** From the start of the process to its end. */
  readonly seconds: number;
  readonly pointsPerSecond: number;
  /** Until the target had its first point. */
  readonly firstPointSeconds: number;
  readonly cpuSecondsPerMillion: number;
  readonly rssPeakMiB: number;
}

export interface RestoreRun {
  readonly main: string;
  readonly repository: string;
  /** Of the restore's own files. */
  readonly work: string;
  /** `host:port` */
  readonly target: string;
  /** How many points the target has taken so far. */
  readonly count: () => Promise<number>;
}

const POLL_MS = 50;

export async function measureRestore(run: RestoreRun): Promise<RestoreSample> {
  const { main, repository, work, target } = run;
  const before = await run.count();
  const into = ['--target', `http://${target}`, '--allow-other-metrics'];
  const place = ['--repository', repository, '--work', work, ...into];
  const args = [main, 'restore', '--json', '--to', 'safe', '--no-verify', ...place];
  const startMs = performance.now();
  const child = spawn(process.execPath, ['--max-semi-space-size=4', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: RestoreEvent[] = [];
  createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line) as RestoreEvent));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  let firstMs: number | undefined;
  let cpu = 0;
  let rssPeakMiB = 0;
  while (child.exitCode === null && child.signalCode === null) {
    if (firstMs === undefined && (await run.count()) > before) firstMs = performance.now();
    const seen = look(child.pid);
    cpu = Math.max(cpu, seen.cpu);
    rssPeakMiB = Math.max(rssPeakMiB, seen.rssPeakMiB);
    await Promise.race([ended, sleep(POLL_MS)]);
  }
  const [code] = await ended;
  const seconds = (performance.now() - startMs) / 1_000;
  const result = events.at(-1);
  if (code !== 0 || result?.event !== 'result') {
    throw new BenchError(`bench: the restore ended with ${code}: ${said}`);
  }
  const points = result.counts?.points ?? 0;
  const arrived = (await run.count()) - before;
  if (arrived < points) throw new BenchError(`bench: ${arrived} of ${points} points have arrived`);
  return {
    points,
    seconds,
    pointsPerSecond: points / seconds,
    firstPointSeconds: ((firstMs ?? startMs) - startMs) / 1_000,
    cpuSecondsPerMillion: (cpu / points) * 1_000_000,
    rssPeakMiB,
  };
}

/** Zeros once the process has ended. */
function look(pid: number | undefined): { readonly cpu: number; readonly rssPeakMiB: number } {
  try {
    const peak = memory(pid ?? 0).peakMiB;
    return { cpu: cpuSeconds(pid ?? 0), rssPeakMiB: Number.isNaN(peak) ? 0 : peak };
  } catch {
    return { cpu: 0, rssPeakMiB: 0 };
  }
}
