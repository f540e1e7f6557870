import type { SourceNames } from '../archive/tail/sources.ts';
import type { ProgressTold } from '../runtime/progress.ts';
import type { DifferenceKind } from './difference.ts';

export interface CompareRequest {
  readonly source: URL;
  readonly target: URL;
  /** Names, in which `*` stands for any characters; none: all that either of the two has. */
  readonly metrics: readonly string[];
  /** By the points' own times, epoch ms: from inclusive, to exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** So much later what differs is looked at again. */
  readonly lagMs: number;
  /** What differs is sent to the target; undefined: it is only told. */
  readonly repair:
    | { readonly isDryRun: boolean; /** Points a second. */ readonly rate: number }
    | undefined;
  /** What tells how points were sent; undefined: nothing but the API. */
  readonly log: SourceNames | undefined;
}

export type ComparePhase =
  | 'comparing'
  | 'looking again'
  | 'reading the log'
  | 'mending'
  | 'looking after';

/** Points that differ, by kind; of `unreadable` the hours of series. */
export type DifferenceCounts = Readonly<Record<DifferenceKind, number>>;

/** What the log knows of a point. */
export interface LogAnswer {
  /** Some write of it was refused by the primary. */
  readonly isRefused: boolean;
  /** The values of its writes that are undone, as the log went on from a moment before them. */
  readonly undone: readonly string[];
  /** The last write of it that is neither. */
  readonly written: {
    readonly transport: 'http' | 'telnet';
    readonly value: string;
    /** The log's own. */
    readonly line: string;
    /** Epoch ms. */
    readonly receivedAt: number;
  } | null;
}

export interface ToldPoint {
  readonly at: string;
  readonly source: string | null;
  readonly target: string | null;
  /** Null when nobody asked the log, or it knows nothing of the point. */
  readonly log: {
    readonly isRefused: boolean;
    readonly value: string | null;
    /** Values that were undone. */
    readonly undone: readonly string[];
  } | null;
  /** Where what is sent for it is from; null: nothing is sent. */
  readonly mend: 'log' | 'api' | null;
  readonly reason: string | null;
}

export interface ToldDifference {
  /** `left`: it is still there after the repair. */
  readonly event: 'difference' | 'left';
  readonly kind: DifferenceKind;
  readonly side: 'source' | 'target' | null;
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly hour: string;
  readonly points: readonly ToldPoint[];
  readonly reason: string | null;
}

export interface ToldProgress extends ProgressTold {
  readonly event: 'progress';
  readonly phase: ComparePhase;
}

/** Points. */
export interface RepairResult {
  readonly isDryRun: boolean;
  /** Sent as they were sent once, as the log has them. */
  readonly log: number;
  /** Sent as the source shows them. */
  readonly api: number;
  readonly cannot: number;
  /** Of those that were sent. */
  readonly refused: number;
  /** What differed afterwards; null when nothing was sent. */
  readonly left: DifferenceCounts | null;
}

export interface CompareResult {
  readonly event: 'result';
  /** `mended`: nothing differed any more in the end. Null when it was interrupted before all was looked at. */
  readonly outcome: 'equal' | 'differs' | 'mended' | null;
  readonly isComplete: boolean;
  readonly source: string;
  readonly target: string;
  readonly from: string;
  readonly to: string;
  readonly metrics: number;
  /** Read of each. */
  readonly points: { readonly source: number; readonly target: number };
  readonly equal: number;
  readonly inexact: number;
  /** Null when it was interrupted before all was looked at twice. */
  readonly differences: DifferenceCounts | null;
  /** Points that differed at the first look and no more at the second. */
  readonly settled: number | null;
  /** What was received up to then is known from the log; null: it was not asked. */
  readonly logTo: string | null;
  /** Null when no repair was asked for, or nothing differed. */
  readonly repair: RepairResult | null;
  readonly seconds: number;
}

export type CompareEvent =
  | ToldProgress
  | ToldDifference
  /** The target, while it is sent to: `live`, or `behind` or `down` with a reason. */
  | { readonly event: 'state'; readonly state: string; readonly reason: string }
  /** The target refuses a point for good. */
  | { readonly event: 'refused'; readonly line: string; readonly error: string }
  | CompareResult;
