import type { Position } from '../../record/position.ts';

export type Transport = 'http' | 'telnet';

/** A line of a submission that the primary refused for a reason only it knows. */
export interface Refusal {
  /** Its place among the submitted lines, from 0. */
  readonly line: number;
  /** The line itself, without its `\n`. */
  readonly text: string;
  /** HTTP: OpenTSDB's `errors[].error`. Telnet: its reply line, without the `\n`. */
  readonly error: string;
}

export type WriteOutcome =
  /** Durable in the log, and delivered to the primary unless the proxy is degraded. */
  | { readonly kind: 'accepted'; readonly last: Position; readonly refusals: readonly Refusal[] }
  /** Not taken as a whole; the client may try again. `logged`: so many lines are in the log all the same, where a disk failed in between. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly logged?: number }
  /** Nothing was logged, nor ever will be: the log can't take so much at once. */
  | { readonly kind: 'too large'; readonly reason: string };

export interface Submission {
  readonly transport: Transport;
  /** Who sent it, as `address:port`. */
  readonly source: string;
  /** Mutation lines (see record/line-buffer.ts); copied before `submit` returns. */
  readonly lines: Buffer;
  readonly count: number;
  /** The points as they were sent, when that is plain JSON: objects with commas between. Copied, too. */
  readonly sent?: Buffer | undefined;
}

export interface WritePath {
  /**
   * Logs the lines in call order. `settle` is called once, when they may be answered, and never before this returns: a callback,
   * as promises would be a fifth of what a request of one point allocates.
   */
  submit(submission: Submission, settle: (outcome: WriteOutcome) => void): void;

  /** Much waits for its answer: who holds answers back for long should let go before requests must be refused. */
  pressed(): void;

  /** Settles when all up to `position` is proven stored by the primary, or after `timeoutMs` (0: no limit). */
  awaitStored(position: Position, timeoutMs: number): Promise<'stored' | 'timeout'>;
}
