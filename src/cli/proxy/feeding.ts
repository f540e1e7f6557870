import type { Config } from '../../config/options.ts';
import { DeadLetters } from '../../follow/dead-letters.ts';
import type { Shared } from '../../follow/feed.ts';
import type { PrimaryChoice } from '../../follow/primary-choice.ts';
import type { PrimaryFacts } from '../../follow/primary-facts.ts';
import { Primary } from '../../follow/primary.ts';
import type { SentBodies } from '../../follow/sent-bodies.ts';
import { probe } from '../../follow/probe.ts';
import type { DurableWritePath } from '../../ingest/durable-write-path.ts';
import { PutClient } from '../../opentsdb/put-client.ts';
import type { Hole } from '../../record/control.ts';
import { type Contained, lastContained, type LaneEnd } from '../../record/lane-end.ts';
import { formatPosition, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Cursor } from '../../wal/cursor.ts';
import { laneEnds } from '../../wal/lane-ends.ts';
import type { Wal } from '../../wal/log.ts';
import { feedLimitsOf } from '../feed-limits.ts';
import { OTHERS_SEEN } from './sharing.ts';
import { PrimaryReport } from './primary-report.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

export interface FeedingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly wal: Wal;
  readonly cursor: Cursor;
  readonly facts: PrimaryFacts;
  readonly choice: PrimaryChoice;
  readonly sentBodies: SentBodies;
  readonly writePath: DurableWritePath;
  readonly isEnding: () => boolean;
  readonly hole: (hole: Hole) => void;
  /** Undefined without Kafka: then no other proxy may write to the primary. */
  readonly shared: Shared | undefined;
  /** The primary's place has moved. */
  readonly moved: () => void;
}

/** How the primary stands, as operators are told. */
export interface FeedingState {
  readonly url: string;
  /** What the configuration names, where that is not the primary. */
  readonly configured: string | undefined;
  /** Epoch ms; undefined while it is fed. */
  readonly heldSinceMs: number | undefined;
  /** Up to where something may have been sent to what is held; of what is fed, all there is. */
  readonly lanes: readonly LaneEnd[];
}

const PROBE_TIMEOUT_MS = 3_000;

/**
 * The primary as the proxy sees it: the follower that feeds it, what is told of it, and the steps by which another OpenTSDB becomes
 * the primary: hold, then switch, or release. Each is durable, and changes nothing when it was made before. While held, writes are
 * answered on the log (and Kafka) alone.
 */
export class Feeding {
  readonly primary: Primary;
  readonly #options: FeedingOptions;
  readonly #deadLetters: DeadLetters;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: FeedingOptions) {
    const { config, wal, clock, cursor, facts, choice } = options;
    this.#options = options;
    this.#deadLetters = new DeadLetters(config.data);
    const report = new PrimaryReport({
      ...options,
      primary: () => choice.url.origin,
      deadLetters: this.#deadLetters,
    });
    this.primary = new Primary({
      primary: choice.url,
      heldFor: choice.hold && HELD,
      wal,
      clock,
      cursor,
      facts,
      sentBodies: options.sentBodies,
      ackTimeoutMs: config.delivery.ackTimeout,
      ...feedLimitsOf(config),
      shared: options.shared,
      events: report.events(),
    });
  }

  get url(): URL {
    return this.#options.choice.url;
  }

  get deadLetters(): number {
    return this.#deadLetters.count;
  }

  /** What works with less than usual, for people. */
  get troubles(): readonly string[] {
    const { choice } = this.#options;
    const { state } = this.primary;
    const away = state.kind === 'live' ? [] : [`the primary is ${state.kind}: ${state.reason}`];
    const { look } = this.primary;
    if (look?.kind === 'blind') away.push(`${OTHERS_SEEN.blind}: ${look.reason}`);
    return choice.misnamed === undefined ? away : [...away, misnamed(choice)];
  }

  get state(): FeedingState {
    const { choice, wal } = this.#options;
    const { until = wal.durable, sinceMs = wal.now() } = choice.hold ?? {};
    return {
      url: choice.url.origin,
      configured: choice.misnamed,
      heldSinceMs: choice.hold?.sinceMs,
      lanes: laneEnds(wal.segments, until, sinceMs),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { choice, logger } = this.#options;
    if (choice.misnamed !== undefined) logger.warn(misnamed(choice));
    if (choice.hold !== undefined) logger.warn({ primary: choice.url.origin }, HELD);
    await this.primary.run(signal);
  }

  /** Nothing goes to the primary from now on, nor is anything under way. Rejects, and goes on feeding it, when that can't be written down. */
  async hold(): Promise<FeedingState> {
    return this.#inTurn(async () => {
      const { choice, wal, logger } = this.#options;
      if (choice.hold !== undefined) return;
      await this.primary.hold(HELD);
      try {
        await choice.holdAt({ sinceMs: wal.now(), until: wal.durable });
      } catch (error) {
        this.primary.goOn(choice.url);
        throw error;
      }
      logger.warn({ primary: choice.url.origin, until: formatPosition(wal.durable) }, HELD);
    });
  }

  /** What is held is given up, and `to`, which contains that much, is fed with the rest. */
  async switchTo(to: URL, contained: Contained): Promise<FeedingState> {
    return this.#inTurn(async () => {
      const { choice, wal, logger, moved } = this.#options;
      const before = choice.url.origin;
      // It was switched before; held since, it has no better place than its own.
      if (before === to.origin) return this.#goOn();
      if (choice.hold === undefined) {
        throw refused(`${before} is not held`, 'Hold it first, by POST /primary/hold.');
      }
      const begin = beginIn(laneEnds(wal.segments, wal.durable, wal.now()), contained);
      await choice.switchTo(to, begin);
      this.primary.goOn(choice.url);
      moved();
      logger.warn(
        { before, primary: to.origin, behind: formatPosition(begin) },
        'the primary is another one now',
      );
      if (choice.misnamed !== undefined) logger.warn(misnamed(choice));
    });
  }

  /** What is held is fed again, from where it stood. */
  async release(): Promise<FeedingState> {
    return this.#inTurn(async () => this.#goOn());
  }

  /** Why an OpenTSDB does not answer this process; undefined: it does. */
  async probe(url: URL): Promise<string | undefined> {
    const client = new PutClient({ primary: url, requestTimeoutMs: PROBE_TIMEOUT_MS });
    try {
      const probed = await probe(client);
      return probed.kind === 'up' ? undefined : probed.reason;
    } finally {
      await client.close();
    }
  }

  /** Ends a hold, and a switch that could not be carried to its end. */
  async #goOn(): Promise<void> {
    const { choice, logger } = this.#options;
    if (choice.hold === undefined && !choice.isOpen) return;
    await choice.release();
    this.primary.goOn(choice.url);
    logger.warn({ primary: choice.url.origin }, 'the primary is fed again');
  }

  async #inTurn(act: () => Promise<void>): Promise<FeedingState> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    await turn;
    return this.state;
  }
}

const HELD = 'it is held, so that another can take its place: writes are kept for that one';

function misnamed({ url, misnamed: configured }: PrimaryChoice): string {
  return `the primary is ${url.origin}, and the configuration still names ${configured}: change it`;
}

/** Throws when the log does not have all that is to follow. */
function beginIn(ends: readonly LaneEnd[], contained: Contained): Position {
  const begin = lastContained(ends, contained);
  const [oldest] = ends;
  const isAllHere = oldest === undefined || (oldest.ordinal === 1 && oldest.firstSeq === 1);
  const { lane = '', ordinal = 0, firstSeq = 1 } = oldest ?? {};
  const from = { lane, ordinal, seq: firstSeq - 1 };
  if (begin === undefined && isAllHere) return from;
  if (begin !== undefined && (begin.ordinal > ordinal || begin.seq >= from.seq)) return begin;
  throw refused(
    `the log begins with ${lane}/${firstSeq}, and the standby does not contain all that was before it`,
    'Let the standby follow this log, or its topic, until it has caught up.',
  );
}

function refused(message: string, hint: string): WalError {
  return new WalError('PROMOTE_REFUSED', message, { hint });
}

/** What is told of it in answers and in /status (docs/OPERATIONS.md). */
export function describeFeeding({ url, configured, heldSinceMs, lanes }: FeedingState): object {
  return {
    url,
    configured: configured ?? url,
    heldSince: heldSinceMs === undefined ? null : formatInstant(heldSinceMs),
    lanes,
  };
}
