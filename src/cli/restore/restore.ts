import { resolve } from 'node:path';
import { restore } from '../../restore/restore.ts';
import { parseRestoreTime } from '../../restore/restore-time.ts';
import type { RestoreEvent, RestoreRequest, RestoreResult } from '../../restore/restore-request.ts';
import type { TopicLog } from '../../archive/topic/topic-log.ts';
import { parseBytes } from '../../config/quantity.ts';
import { systemClock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { parseRate, parseTarget, wrong } from '../parse-flags.ts';
import { PROCESS_OUTPUT } from '../progress-line.ts';
import { jsonRestoreReport, textRestoreReport } from './restore-report.ts';

export interface RestoreFlags {
  readonly repository?: string;
  readonly data?: string;
  readonly target?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly rate?: string;
  readonly onlyConfirmed?: boolean;
  readonly allowHoles?: boolean;
  readonly allowOtherMetrics?: boolean;
  /** False for --no-verify. */
  readonly verify: boolean;
  readonly work: string;
  readonly memory: string;
}

const THREADS = 2;
const MiB = 1024 * 1024;

/** Restores, and tells how it goes; when `signal` aborts it leaves a state from which the same command goes on. */
export async function runRestore(
  flags: RestoreFlags,
  topic: TopicLog | undefined,
  signal: AbortSignal,
): Promise<ExitCode> {
  const report =
    flags.json === true
      ? jsonRestoreReport(PROCESS_OUTPUT)
      : textRestoreReport(PROCESS_OUTPUT, () => systemClock.monotonicMs());
  try {
    const request = { ...requestOf(flags), topic };
    const result = await restore({ request, clock: systemClock, report, signal });
    return exitCodeFor(result);
  } catch (error) {
    // Programs that read the events shall find there what people read on stderr.
    if (error instanceof WalError) report(errorEvent(error));
    throw error;
  }
}

function errorEvent({ code, message, hint, context }: WalError): RestoreEvent {
  return { event: 'error', code, message, hint: hint ?? null, context };
}

function exitCodeFor({ outcome }: RestoreResult): ExitCode {
  return outcome === 'differs' ? EXIT.differs : EXIT.ok;
}

/** Throws CONFIG_INVALID, with what would be right. */
function requestOf(flags: RestoreFlags): RestoreRequest {
  const { data, target, rate, memory } = flags;
  const { repository } = flags;
  if (repository === undefined && data === undefined) {
    throw wrong(
      '--repository is missing',
      'Name what `start` archives to, or its --data directory.',
    );
  }
  if (flags.to === undefined) {
    const hint = `Write --to safe for the latest moment that is complete, or a time, as --to 2026-06-01T14:32:00+02:00; \`tsdb-wal info\` shows which can be had.`;
    throw wrong('--to is missing', hint);
  }
  const isDryRun = flags.dryRun === true;
  if (target === undefined && !isDryRun) {
    throw wrong(
      '--target is missing',
      'Name the empty OpenTSDB to restore into, as http://tsdb-new:4242; or try --dry-run.',
    );
  }
  const bytes = parseBytes(memory);
  if (bytes === undefined || bytes < 100 * MiB) {
    throw wrong(`--memory ${memory} is no size of at least 100MiB`, 'Write 300MiB, say.');
  }
  return {
    repository,
    data,
    target: target === undefined ? undefined : parseTarget('--target', target),
    to: parseRestoreTime('--to', flags.to),
    isDryRun,
    rate: parseRate(rate),
    isOnlyConfirmed: flags.onlyConfirmed === true,
    allowHoles: flags.allowHoles === true,
    isVerified: flags.verify,
    allowOtherMetrics: flags.allowOtherMetrics === true,
    work: resolve(flags.work),
    memoryMb: Math.floor(bytes / MiB),
    threads: THREADS,
  };
}
