import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { BenchError } from './processes.ts';
import { cpuSeconds } from './procfs.ts';

/** `info --json` of the built program over a repository. */
interface InfoSample {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

export interface InfoSamples {
  /** Undefined where the kernel's caches can't be dropped. */
  readonly cold: InfoSample | undefined;
  /** The median of some runs, by wall time. */
  readonly warm: InfoSample;
}

const WARM_RUNS = 5;
/** Pages, and what the kernel keeps of folders and names. */
const DROP_ALL = '3';

export function measureInfo(main: string, repository: string, lanes: number): InfoSamples {
  const cold = dropCaches() ? runInfo(main, repository, lanes) : undefined;
  runInfo(main, repository, lanes);
  const warm = Array.from({ length: WARM_RUNS }, () => runInfo(main, repository, lanes));
  const sorted = warm.toSorted((one, other) => one.wallSeconds - other.wallSeconds);
  const median = sorted[Math.floor(WARM_RUNS / 2)];
  if (median === undefined) throw new BenchError('bench: nothing was measured');
  return { cold, warm: median };
}

function dropCaches(): boolean {
  try {
    spawnSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', DROP_ALL);
    return true;
  } catch {
    return false; // Only root may.
  }
}

function runInfo(main: string, repository: string, lanes: number): InfoSample {
  // This process waits meanwhile, and the CPU time of a child counts once it was waited for.
  const cpuBefore = cpuSeconds(process.pid);
  const startMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, 'info', '--json', '--repository', repository],
    { encoding: 'utf8' },
  );
  const wallSeconds = (performance.now() - startMs) / 1_000;
  const cpu = cpuSeconds(process.pid) - cpuBefore;
  if (status !== 0) throw new BenchError(`bench: info ended with ${status}: ${stdout}${stderr}`);
  const info = JSON.parse(stdout) as { readonly lanes: readonly unknown[] };
  if (info.lanes.length !== lanes) throw new BenchError(`bench: info shows other lanes: ${stdout}`);
  return { wallSeconds, cpuSeconds: cpu };
}
