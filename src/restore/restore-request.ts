import type { UndoneRange } from '../record/fork.ts';
import type { CoverageHole } from '../archive/holdings/coverage.ts';
import type { TopicLog } from '../archive/topic/topic-log.ts';
import type { TargetFinding } from './target/target-rules.ts';
import type { RestoreTime } from './restore-time.ts';
import type { VerificationCounts } from './verify/verification.ts';

export interface RestoreRequest {
  /** Undefined: the one that `data` archives to. */
  readonly repository: string | undefined;
  /** A data directory whose log is newer than the repository. */
  readonly data: string | undefined;
  /** The topic by which lanes come to the repository. */
  readonly topic?: TopicLog | undefined;
  /** Undefined only for a dry run. */
  readonly target: URL | undefined;
  readonly to: RestoreTime;
  readonly isDryRun: boolean;
  /** Points a second; Infinity for no limit. */
  readonly rate: number;
  readonly isOnlyConfirmed: boolean;
  readonly allowHoles: boolean;
  readonly isVerified: boolean;
  /** The target may hold metrics that the state doesn't have: nothing of them is looked at. */
  readonly allowOtherMetrics: boolean;
  /** Folder for the work directories of restores. */
  readonly work: string;
  readonly memoryMb: number;
  readonly threads: number;
}

/** What the state of a time is made of. Its shape is that of `restore --json`: fields may be added. */
export interface RestorePlan {
  readonly to: string;
  readonly toMs: number;
  /** Null when nothing was ever archived, and the log tells everything. */
  readonly repository: { readonly place: string; readonly id: string } | null;
  /** The log that is read, too; null without --data. */
  readonly log: PlannedLog | null;
  /** The topic that is read, too; null without --kafka. */
  readonly topic: PlannedTopic | null;
  /** Where each lane's records come from, in the order in which lanes were opened; at most the last thousand. */
  readonly lanes: readonly PlannedLane[];
  readonly segments: number;
  readonly bytes: number;
  /** Points received by then, before the fold. */
  readonly rows: number;
  readonly metrics: number;
  readonly series: number;
  /** Data times of the points, both ends included; null without a point. */
  readonly instants: { readonly from: string; readonly to: string } | null;
  /** When the last of the points was received; null without one. */
  readonly lastReceived: string | null;
  readonly ranges: number;
  /** Missing records that the state does without (--allow-holes). */
  readonly holes: readonly CoverageHole[];
  /** Missing records received later: refusals that they may tell of are not known. */
  readonly laterHoles: readonly CoverageHole[];
  readonly damaged: readonly PlannedDamage[];
  /** Intervals of receive times, with the moment restored to in them, in which the clock leapt. */
  readonly disputed: readonly {
    readonly lane: string;
    readonly from: number;
    readonly to: number;
  }[];
  /** Moments that the log went back to before: of what was received after one, and up to the hold of that promotion, the state has nothing. */
  readonly forks: readonly PlannedFork[];
  /** Moments before `to` that the log went back to only after that: the state has what was received in between, and was undone then. */
  readonly laterForks: readonly PlannedFork[];
  /** Changes that went round the log before: no restore has them. */
  readonly bypasses: readonly { readonly at: string; readonly change: string }[];
  /** Names the content: it is the same as long as this is. */
  readonly plan: string;
}

/** An object that can't be used, and is done without. */
export interface PlannedDamage {
  readonly object: string;
  readonly reason: string;
  /** Where its records come from, if it is a segment; none that are lost. */
  readonly instead: readonly {
    readonly source: RecordSource;
    readonly firstSeq: number;
    readonly lastSeq: number;
  }[];
}

export type RecordSource = 'archive' | 'log' | 'topic';

interface PlannedFork {
  readonly id: string;
  readonly at: string;
  /** When the log was told. */
  readonly since: string;
  readonly undone: readonly UndoneRange[];
}

interface PlannedLog {
  readonly data: string;
  /** Some process writes it now. */
  readonly isInUse: boolean;
  /** It is brought to a topic, which may hold what other proxies wrote. */
  readonly isInTopic: boolean;
  /** Up to then the repository alone is complete; null: it holds nothing yet. */
  readonly archivedTo: string | null;
  /** What only the log has, at most the last thousand. */
  readonly ranges: readonly PlannedRange[];
}

interface PlannedTopic {
  readonly name: string;
  readonly brokers: readonly string[];
  /** Topics by which the repository's lanes came, where none of them came by this one or is in it; null otherwise. */
  readonly insteadOf: readonly string[] | null;
  readonly archivedTo: string | null;
  /** What only the topic has, at most the last thousand. */
  readonly ranges: readonly PlannedRange[];
}

/** Times are those of before the first record, and of the last. */
export interface PlannedRange {
  readonly lane: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly from: string;
  readonly to: string;
  readonly points: number;
}

export interface PlannedLane {
  readonly lane: string;
  /** Where it was written; null when that isn't known. */
  readonly host: string | null;
  readonly ranges: readonly (Omit<PlannedRange, 'lane' | 'points'> & {
    readonly source: RecordSource;
  })[];
}

export interface StateCounts {
  readonly points: number;
  readonly series: number;
  /** Points that the primary had not surely stored by the last that is known: it may have refused them. */
  readonly provisional: number;
  /** Of the points as lines. */
  readonly bytes: number;
  /** Points that came by telnet. */
  readonly telnet: number;
}

export interface RestoreResult {
  readonly format: 1;
  readonly outcome: 'planned' | 'restored' | 'differs';
  readonly plan: RestorePlan;
  readonly counts: StateCounts | null;
  readonly target: string | null;
  readonly isResumed: boolean;
  readonly refused: { readonly count: number; readonly list: string | null };
  readonly verification: (VerificationCounts & { readonly list: string | null }) | null;
  readonly seconds: number;
}

export type RestorePhase = 'reading' | 'checking' | 'counting' | 'loading' | 'comparing';

export type RestoreEvent =
  | ({ readonly event: 'planned' } & RestorePlan)
  | ({ readonly event: 'target' } & TargetFinding)
  | { readonly event: 'resuming'; readonly work: string; readonly progress: number }
  | { readonly event: 'restarting'; readonly reason: string }
  /** The target stands like that now. */
  | { readonly event: 'state'; readonly state: string; readonly reason: string }
  | {
      readonly event: 'progress';
      readonly phase: RestorePhase;
      /** 0 to 1. */
      readonly progress: number;
      /** In this phase of this run: points, or bytes while `reading` (the log, the topic) and `checking`. */
      readonly done: number;
      readonly perSecond: number;
      readonly etaSeconds: number | null;
    }
  | ({ readonly event: 'result' } & RestoreResult)
  /** The fault that ended it without a result; `context` has the nearest times, say. */
  | {
      readonly event: 'error';
      readonly code: string;
      readonly message: string;
      readonly hint: string | null;
      readonly context: Readonly<Record<string, unknown>>;
    };
