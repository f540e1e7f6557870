import type { Finding, Severity } from '../../archive/verify/finding.ts';
import type { Verified } from '../../archive/verify/verify.ts';
import type { ProgressTold } from '../../runtime/progress.ts';

/** What `verify --json` prints, one a line; docs/JSON.md is the contract. Times are RFC 3339, UTC. */
export type VerifyEvent = { readonly contract: 'tsdb-wal verify'; readonly version: 1 } & (
  | VerifyProgress
  | ({ readonly event: 'finding' } & Finding)
  | VerifyResult
);

export interface VerifyProgress {
  readonly event: 'progress';
  /** 0 to 1. */
  readonly progress: number;
  readonly objects: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
}

export interface VerifyResult {
  readonly event: 'result';
  readonly at: string;
  readonly repository: { readonly place: string; readonly id: string | null };
  readonly state: 'whole' | 'hole' | 'damaged';
  readonly isComplete: boolean;
  readonly reached: { readonly lane: string; readonly time: string | null } | null;
  readonly since: string | null;
  readonly isQuick: boolean;
  readonly lanes: number;
  readonly segments: number;
  readonly bytes: number;
  readonly records: number;
  readonly points: number;
  readonly findings: Readonly<Record<Severity, number>>;
  readonly safeTime: string | null;
  readonly restorable: readonly { readonly from: string; readonly to: string }[];
  readonly seconds: number;
}

export const CONTRACT = { contract: 'tsdb-wal verify', version: 1 } as const;

export interface VerifyRun {
  readonly place: string;
  readonly sinceMs: number | undefined;
  readonly isQuick: boolean;
  readonly findings: Readonly<Record<Severity, number>>;
  readonly bytes: number;
  readonly seconds: number;
  /** Epoch ms. */
  readonly now: number;
}

export function describeProgress(
  { progress, done, perSecond, etaSeconds }: ProgressTold,
  { objects, bytesTotal }: Pick<VerifyProgress, 'objects' | 'bytesTotal'>,
): VerifyProgress {
  return {
    event: 'progress',
    progress,
    objects,
    bytes: done,
    bytesTotal,
    bytesPerSecond: perSecond,
    etaSeconds,
  };
}

export function describeResult(run: VerifyRun, verified: Verified): VerifyResult {
  const { id, isComplete, reached, lanes, segments, records, points, coverage } = verified;
  const { findings } = run;
  const { safeTimeMs, restorable = [] } = coverage ?? {};
  return {
    event: 'result',
    at: timeOf(run.now),
    repository: { place: run.place, id: id ?? null },
    state: findings.damage > 0 ? 'damaged' : findings.hole > 0 ? 'hole' : 'whole',
    isComplete,
    reached: reached === undefined ? null : { lane: reached.lane, time: orNull(reached.ms) },
    since: orNull(run.sinceMs),
    isQuick: run.isQuick,
    lanes,
    segments,
    bytes: run.bytes,
    records,
    points,
    findings,
    safeTime: orNull(safeTimeMs),
    restorable: restorable.map(({ fromMs, toMs }) => ({ from: timeOf(fromMs), to: timeOf(toMs) })),
    seconds: run.seconds,
  };
}

function orNull(ms: number | undefined): string | null {
  return ms === undefined ? null : timeOf(ms);
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
