import type { DeadLetters } from '../follow/dead-letters.ts';
import type { FollowerState } from '../follow/follower.ts';
import type { PrimaryFacts } from '../follow/primary-facts.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { PrimaryEvents } from '../follow/primary.ts';
import type { Suspect } from '../follow/deliver/suspects.ts';
import type { DurableWritePath } from '../ingest/write-path/durable-write-path.ts';
import type { Hole, Outcome } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Cursor } from '../wal/cursor.ts';
import type { Wal } from '../wal/log.ts';
import { UnsettledPoints } from '../follow/rewrites/unsettled-points.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

export interface PrimaryReportOptions {
  readonly clock: Clock;
  readonly primary: () => string;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly wal: Wal;
  readonly cursor: Cursor;
  readonly facts: PrimaryFacts;
  readonly deadLetters: DeadLetters;
  readonly writePath: DurableWritePath;
  readonly isEnding: () => boolean;
  readonly hole: (hole: Hole) => void;
  /** The primary's place has moved. */
  readonly moved: () => void;
}

/** What follows, in the proxy, from what the primary's follower tells. */
export class PrimaryReport {
  readonly #options: PrimaryReportOptions;
  /** Dead letters whose outcome the log did not take yet. */
  readonly #written = new Set<string>();
  /** Why the cursor could not be written the last time. */
  #cursorError: string | undefined;

  constructor(options: PrimaryReportOptions) {
    this.#options = options;
  }

  events(): PrimaryEvents {
    const { logger, metrics, writePath, primary, facts: known, clock } = this.#options;
    const count = (points: number): void => metrics.unsettled.inc(points);
    const unsettled = new UnsettledPoints({ logger, clock, count });
    return {
      delivered: (last, refused) => writePath.delivered(last, refused),
      rejected: (suspects) => this.#onRejected(suspects),
      mended: (points) => metrics.mended.inc(points),
      unsettled: (points) => unsettled.note(points),
      answered: (points, durationMs) => {
        metrics.delivered.inc(points);
        metrics.upstream.observe(durationMs / 1_000);
      },
      state: (state) => this.#onState(state),
      resumed: (reason) => {
        metrics.resumes.inc();
        logger.warn({ reason }, 'delivering again from the last confirmed record');
      },
      doubted: (reason) =>
        logger.warn({ reason }, 'what the primary took is in doubt, and is delivered again later'),
      stored: (position) => writePath.stored(position),
      confirmed: (position) => this.#onConfirmed(position),
      reached: (facts) => {
        logger.info({ ...facts, primary: primary() }, 'primary reached');
        void known.learn(facts);
      },
      unread: (startMs, reason) =>
        logger.warn(
          { hour: formatInstant(startMs), reason },
          'what this hour has is not known: where it is written again OpenTSDB may keep the value before',
        ),
      hole: (hole) => this.#options.hole(hole),
      outcome: (outcome) => this.#onOutcome(outcome),
    };
  }

  /** On a disk that takes no more, the place stays: a restart then delivers again from an earlier one. */
  async #onConfirmed(position: Position): Promise<void> {
    const { cursor, writePath, moved, logger } = this.#options;
    try {
      await cursor.move(position);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#cursorError) {
        const told = 'the place of the primary cannot be written';
        logger.error({ error: message }, told);
      }
      this.#cursorError = message;
      return;
    }
    this.#cursorError = undefined;
    writePath.confirmed(position);
    moved();
  }

  /** Acknowledged, and refused for good: written down first, then in the log, so that restores leave them out. */
  async #onRejected(suspects: readonly Suspect[]): Promise<void> {
    const { deadLetters, wal, metrics, writePath } = this.#options;
    // After a start some come up before the log was read that far.
    const fresh = suspects.filter((suspect) => !writePath.isKnownRefused(suspect));
    const letters = fresh.filter((suspect) => !this.#written.has(nameOf(suspect)));
    if (letters.length > 0) {
      await deadLetters.write(letters, wal.now());
      metrics.deadLetters.inc(letters.length);
      for (const letter of letters) this.#written.add(nameOf(letter));
    }
    const isDurable = await writePath.logRefused(fresh);
    if (!isDurable) throw new Error(wal.refusal ?? 'the log is behind');
    this.#written.clear();
    for (const { position, index } of fresh) writePath.noteRefused(position, index);
    const [first] = fresh;
    if (first === undefined) return;
    this.#options.logger.error(
      { points: fresh.length, error: first.error, line: first.line },
      'the primary refuses acknowledged points for good: see dead-letters/',
    );
  }

  /** Read after the cursor: what it is said of may be delivered, and refused, again. */
  #onOutcome({ lane, seq, refused }: Outcome): void {
    const { wal, writePath } = this.#options;
    const ordinal = wal.segments.find((segment) => segment.lane === lane)?.ordinal;
    if (ordinal === undefined) return;
    for (const { index } of refused) writePath.noteRefused({ lane, ordinal, seq }, index);
  }

  #onState(state: FollowerState): void {
    const { logger, writePath, isEnding } = this.#options;
    if (state.kind === 'live') {
      logger.info('the primary is up to date');
      return;
    }
    writePath.degraded();
    if (isEnding()) return;
    logger.warn(
      { state: state.kind, reason: state.reason },
      'degraded: answers do not wait for the primary',
    );
  }
}

function nameOf({ position, index }: Suspect): string {
  return `${position.lane}/${position.seq}/${index}`;
}
