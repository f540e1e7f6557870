import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentReader } from '../../archive/search/content-reader.ts';
import { Duckdb } from '../../archive/duckdb.ts';
import type { Severity } from '../../archive/verify/finding.ts';
import { REPOSITORY_NAME } from '../../archive/format/object-names.ts';
import { verifyRepository, type Verified } from '../../archive/verify/verify.ts';
import { type Survey, surveyData } from '../../archive/verify/verify-survey.ts';
import { formatInstant, parseInstant } from '../../runtime/instant.ts';
import { systemClock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { Progress } from '../../runtime/progress.ts';
import { FileStore } from '../../storage/file-store.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { listenForStop } from '../../runtime/stop-signal.ts';
import { PROCESS_OUTPUT, type ReportOutput } from '../progress-line.ts';
import { describeProgress, describeResult, type VerifyResult } from './verify-contract.ts';
import { jsonVerifyReport, textVerifyReport } from './verify-report.ts';

export interface VerifyFlags {
  readonly repository: string;
  readonly since?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
}

const MEMORY_MB = 300;
const THREADS = 2;

/** Looks into every object of a repository, and tells what it finds as it goes. SIGINT and SIGTERM end it early. */
export async function runVerify(flags: VerifyFlags): Promise<ExitCode> {
  using stop = listenForStop();
  return exitCodeFor(await verify(flags, PROCESS_OUTPUT, stop.signal));
}

/** Throws REPOSITORY_MISSING, or CONFIG_INVALID for a wrong time. */
export async function verify(
  flags: VerifyFlags,
  output: ReportOutput,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const { repository: place, since, quick: isQuick = false, json: isJson = false } = flags;
  const sinceMs = since === undefined ? undefined : parseSince(since, systemClock.now());
  const store = new FileStore(place);
  await refuseNothing(place, store);
  const startedMs = systemClock.monotonicMs();
  const told = isJson
    ? jsonVerifyReport(output)
    : textVerifyReport(output, () => systemClock.monotonicMs());
  const findings: Record<Severity, number> = { damage: 0, hole: 0, note: 0 };
  const scope = { sinceMs: sinceMs ?? -Infinity, signal };
  const total = await surveyData(store, scope);
  const done = { objects: 0, bytes: 0 };
  const progress = new Progress({
    clock: systemClock,
    measure: () => ({ progress: shareOf(done, total, isQuick), done: done.bytes }),
    report: (event) =>
      told(describeProgress(event, { objects: done.objects, bytesTotal: total.bytes })),
  });
  let verified: Verified;
  await using folder = await scratchFolder();
  const contents = new ContentReader(
    () => Duckdb.open({ scratch: folder.path, memoryMb: MEMORY_MB, threads: THREADS }),
    signal,
  );
  try {
    verified = await verifyRepository({
      store,
      contents: isQuick ? undefined : contents,
      ...scope,
      now: () => systemClock.now(),
      report: (finding) => {
        findings[finding.severity] += 1;
        told({ event: 'finding', ...finding });
      },
      onChecked: (bytes) => {
        done.objects += 1;
        done.bytes += bytes;
      },
    });
  } finally {
    progress.end();
    contents.close();
  }
  const seconds = Math.round(systemClock.monotonicMs() - startedMs) / 1_000;
  const now = systemClock.now();
  const run = { place, sinceMs, isQuick, findings, bytes: done.bytes, seconds, now };
  const result = describeResult(run, verified);
  told(result);
  return result;
}

/** For what DuckDB can't hold in memory; gone in the end. */
async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-verify-'));
  return {
    path: join(folder, 'scratch'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function shareOf(done: Survey, total: Survey, isQuick: boolean): number {
  const [part, all] = isQuick ? [done.objects, total.objects] : [done.bytes, total.bytes];
  return all === 0 ? 1 : Math.min(1, part / all);
}

export function exitCodeFor({ state, isComplete }: VerifyResult): ExitCode {
  if (state === 'damaged') return EXIT.spoilt;
  if (!isComplete) return EXIT.fault;
  return state === 'hole' ? EXIT.hole : EXIT.ok;
}

/** By a time to come nothing would be looked into, and that found whole. */
function parseSince(text: string, now: number): number {
  const sinceMs = parseInstant('--since', text);
  if (sinceMs <= now) return sinceMs;
  throw new WalError('CONFIG_INVALID', `--since ${text} is yet to come`, {
    hint: `It is ${formatInstant(now)}: no segment ends later.`,
  });
}

/** A repository whose own file is gone is still one; where there is nothing, the place is wrong. */
async function refuseNothing(place: string, store: FileStore): Promise<void> {
  if ((await store.localPath(REPOSITORY_NAME)) !== undefined) return;
  for await (const _ of store.list('lanes')) return;
  throw new WalError('REPOSITORY_MISSING', `${place} holds no repository.json, and no lanes`, {
    hint: 'Name the folder that `start` archives to: --repository, or DATA/repository by default.',
  });
}
