import type { PutRules } from '../opentsdb/put-rules.ts';
import type { Transport, WritePath } from './write-path/write-path.ts';

/**
 * Why points were not taken: `invalid` by OpenTSDB's rules; `unreadable`, `too-large`, `overload` (too much in
 * flight): the whole request, counted as one point because nobody looked inside; `unavailable`: the log took
 * nothing; `primary`: logged, then refused by the primary.
 */
export type RefusalReason =
  | 'invalid'
  | 'unreadable'
  | 'too-large'
  | 'overload'
  | 'unavailable'
  | 'primary';

/** Told once the fate of points is known, so that at rest received = logged + refused other than by the primary. */
export interface IngestCounters {
  received(points: number, transport: Transport): void;
  refused(points: number, transport: Transport, reason: RefusalReason): void;
  /** A connection beyond `connectionsMax` was closed. */
  connectionRefused(): void;
}

export interface IngestLimits {
  /** A longer HTTP body, as it travels, is answered 413. */
  readonly bodyBytesMax: number;
  /** A body that grows beyond this when inflated is answered 413. */
  readonly inflatedBytesMax: number;
  /** Connections beyond this are accepted and closed. */
  readonly connectionsMax: number;
  /** A connection on which nothing moves for this long is closed; 0: never. */
  readonly idleTimeoutMs: number;
  /** Bytes read and not yet answered: beyond this HTTP is answered 503 and telnet is not read. */
  readonly inFlightBytesMax: number;
  /** The same, for all connections of one address together. */
  readonly sourceInFlightBytesMax: number;
}

export interface IngestOptions {
  /** The OpenTSDB that answers reads; it may be another one later. */
  primary(): URL;
  /** The lane that is written now: by it the proxy names itself in what it passes on. */
  lane(): string;
  /** What becomes of changes other than puts: refused, or passed after a marker record. */
  readonly mutations: 'refuse' | 'pass';
  /** Paths answered 403, with everything below them. */
  readonly blockedPaths: readonly string[];
  readonly limits: IngestLimits;
  /** What the primary is known to accept now. */
  rules(): PutRules;
  readonly writePath: WritePath;
  readonly counters: IngestCounters;
  /** The two lines that answer telnet `version`. */
  telnetVersion(): string;
  /** What answers telnet `stats` while the primary does not. */
  telnetStats(): string;
  /** Resolves once a marker of a change that goes round the log is durable; rejects when it can't be. */
  bypassMarker(method: string, path: string, source: string): Promise<void>;
}
