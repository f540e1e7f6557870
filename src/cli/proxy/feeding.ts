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
import { type Fork, recordsIn, type UndoneRange } from '../../record/fork.ts';
import { type Contained, isBeginning, lastContained, type LaneEnd } from '../../record/lane-end.ts';
import { comparePositions, formatPosition, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Cursor } from '../../wal/cursor.ts';
import { endsAt, type EndsAt } from '../../wal/ends-at.ts';
import { laneEnds } from '../../wal/lane-ends.ts';
import type { Wal } from '../../wal/log.ts';
import { feedLimitsOf } from '../feed-limits.ts';
import { OTHERS_SEEN } from './sharing.ts';
import { PrimaryReport } from './primary-report.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { Replication } from './replication.ts';

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
  readonly replication: Pick<Replication, 'acknowledged' | 'drain'> | undefined;
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
/** Kafka has so long to get what the log is told before it is waited for anew. */
const KAFKA_MS_MAX = 10_000;
const RETRY_MS = 1_000;

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
  /** Aborts when `run` ends. */
  #signal = new AbortController().signal;
  #isFinishing = false;
  /** The fork that this process said last, and where the log had it. */
  #said: { readonly id: string; readonly by: Position } | undefined;

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
      heldFor: choice.hold === undefined ? choice.fork && UNTOLD : HELD,
      wal,
      clock,
      cursor,
      facts,
      undone: choice.undone,
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
    const { choice } = this.#options;
    return {
      url: choice.url.origin,
      configured: choice.misnamed,
      heldSinceMs: choice.hold?.sinceMs,
      lanes: this.#ends,
    };
  }

  get #ends(): readonly LaneEnd[] {
    const { choice, wal } = this.#options;
    const { until = wal.durable, sinceMs = wal.now() } = choice.hold ?? {};
    return laneEnds(wal.segments, until, sinceMs);
  }

  /**
   * The lanes of `state` as they were at a time, epoch ms, and what they have received since that `to` is not to have, should it become the
   * primary as of then; if it is that already, what was undone. Throws TIME_UNREACHABLE.
   */
  async endsAt(ms: number, to: URL): Promise<EndsAt> {
    const { choice, wal } = this.#options;
    const ends = this.#ends;
    const found = await endsAt(wal, ends, ms);
    if (choice.url.origin !== to.origin) return found;
    const own = new Set(ends.map(({ lane }) => lane));
    const ranges = choice.forks.filter(({ at }) => at === ms).flatMap(({ undone }) => undone);
    return { ...found, later: ranges.filter(({ lane }) => own.has(lane)) };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { choice, logger } = this.#options;
    if (choice.misnamed !== undefined) logger.warn(misnamed(choice));
    if (choice.hold !== undefined) logger.warn({ primary: choice.url.origin }, HELD);
    this.#signal = signal;
    void this.#finish();
    await this.primary.run(signal);
  }

  /** Nothing goes to the primary from now on, nor is anything under way. Rejects, and goes on as before, when that can't be written down. */
  async hold(): Promise<FeedingState> {
    return this.#inTurn(async () => {
      const { choice, wal, logger } = this.#options;
      if (choice.hold !== undefined) return;
      await this.primary.hold(HELD);
      try {
        await choice.holdAt({ sinceMs: wal.now(), until: wal.durable });
      } catch (error) {
        // While a switch is open, only its end may feed the primary.
        if (choice.isOpen) void this.#finish();
        else this.primary.goOn(choice.url);
        throw error;
      }
      logger.warn({ primary: choice.url.origin, until: formatPosition(wal.durable) }, HELD);
    });
  }

  /**
   * What is held is given up, and `to`, which contains that much, is fed with the rest; without what `fork` undoes, once the log, and Kafka,
   * have been told of that. What is left to do once it is decided is tried until it is done.
   */
  async switchTo(to: URL, contained: Contained, fork?: Fork): Promise<FeedingState> {
    return this.#inTurn(async () => {
      const { choice, logger, moved } = this.#options;
      const before = choice.url.origin;
      // It was switched before; held since, it has no better place than its own.
      if (before === to.origin)
        return choice.hold === undefined ? void this.#finish() : this.#goOn();
      if (choice.hold === undefined) {
        throw refused(`${before} is not held`, 'Hold it first, by POST /primary/hold.');
      }
      const begin = await this.#beginOf(contained, fork);
      // One that an earlier switch left, and that this one would put out of mind.
      if (choice.fork !== undefined) await this.#tell(choice.fork);
      try {
        await choice.switchTo(to, begin, fork);
        await this.#carryOn();
      } catch (error) {
        if (choice.url.origin === before) throw error;
        const { message } = error as Error;
        logger.error({ primary: to.origin, error: message }, 'the switch is not at its end yet');
        void this.#finish();
      }
      moved();
      logger.warn(
        { before, primary: to.origin, behind: formatPosition(begin), fork },
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
    if (choice.hold === undefined && !this.#isUnfinished) return;
    await this.#carryOn();
    logger.warn({ primary: choice.url.origin }, 'the primary is fed again');
  }

  async #carryOn(): Promise<void> {
    const { choice } = this.#options;
    await choice.settle();
    if (choice.fork !== undefined) await this.#tell(choice.fork);
    await choice.release();
    this.primary.goOn(choice.url);
  }

  /** Whether a switch, or a release, has still to be carried to its end: nobody holds the primary any more, and it is not fed yet. */
  get #isUnfinished(): boolean {
    const { choice } = this.#options;
    return choice.hold === undefined && (choice.isOpen || this.primary.isHeld);
  }

  /** Tries until a switch is at its end. */
  async #finish(): Promise<void> {
    const { clock, logger } = this.#options;
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    let told = '';
    while (this.#isUnfinished && !this.#signal.aborted) {
      try {
        // It may have been held by the time that it is its turn.
        await this.#inTurn(async () => (this.#isUnfinished ? this.#goOn() : undefined));
      } catch (error) {
        const { message } = error as Error;
        if (message !== told) logger.error({ error: message }, 'the switch is not at its end yet');
        told = message;
        await clock.sleep(RETRY_MS, this.#signal);
      }
    }
    this.#isFinishing = false;
  }

  /** Says it in the log, and brings it to Kafka: nobody may be sent what comes behind it before. A start may say it once more. */
  async #tell(fork: Fork): Promise<void> {
    const { choice, replication, logger } = this.#options;
    const by = await this.#say(fork);
    await replication?.drain(by, KAFKA_MS_MAX);
    const { acknowledged } = replication ?? { acknowledged: by };
    if (acknowledged === undefined || comparePositions(acknowledged, by) < 0) {
      throw new WalError('KAFKA_UNREACHABLE', 'Kafka does not have what is undone yet');
    }
    await choice.told();
    const records = recordsIn(fork.undone);
    const at = formatInstant(fork.at);
    logger.warn({ fork: fork.id, at, records }, 'the log goes on from this moment');
  }

  /** Once, however often Kafka must be waited for. Returns a position by which the log has it. */
  async #say(fork: Fork): Promise<Position> {
    const { wal, writePath } = this.#options;
    if (this.#said?.id === fork.id) return this.#said.by;
    if (!(await writePath.logControl({ kind: 'fork', ...fork }))) {
      throw new WalError('WAL_UNAVAILABLE', 'the log cannot be told what is undone');
    }
    this.#said = { id: fork.id, by: wal.durable };
    return this.#said.by;
  }

  /** Behind what `to` contains. */
  async #beginOf(contained: Contained, fork: Fork | undefined): Promise<Position> {
    const { wal } = this.#options;
    if (fork === undefined) {
      const ends = laneEnds(wal.segments, wal.durable, wal.now());
      return beginIn(ends, contained, ends[0]);
    }
    const [oldest] = this.#ends;
    const { lanes, later } = await endsAt(wal, this.#ends, fork.at);
    const left = later.find((range) => !isNamed(range, fork));
    if (left === undefined) return beginIn(lanes, contained, oldest);
    throw refused(
      `lane ${left.lane} has records ${left.from} to ${left.to} since ${formatInstant(fork.at)}, and the fork does not name them`,
      'It was made without this proxy: hold all of them, and make it anew.',
    );
  }

  async #inTurn(act: () => Promise<void>): Promise<FeedingState> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    await turn;
    return this.state;
  }
}

const UNTOLD = 'the log is told first what is undone';
const HELD = 'it is held, so that another can take its place: writes are kept for that one';

function misnamed({ url, misnamed: configured }: PrimaryChoice): string {
  return `the primary is ${url.origin}, and the configuration still names ${configured}: change it`;
}

/** Throws when the log does not have all that is to follow. */
function beginIn(
  ends: readonly LaneEnd[],
  contained: Contained,
  oldest: LaneEnd | undefined,
): Position {
  const begin = lastContained(ends, contained);
  const isAllHere = oldest === undefined || isBeginning(oldest);
  const { lane = '', ordinal = 0, firstSeq = 1 } = oldest ?? {};
  const from = { lane, ordinal, seq: firstSeq - 1 };
  if (begin === undefined && isAllHere) return from;
  if (begin !== undefined && (begin.ordinal > ordinal || begin.seq >= from.seq)) return begin;
  throw refused(
    `the log begins with ${lane}/${firstSeq}, and the standby does not contain all that was before it`,
    'Let the standby follow this log, or its topic, until it has caught up.',
  );
}

function isNamed({ lane, from, to }: UndoneRange, { undone }: Fork): boolean {
  return undone.some((range) => range.lane === lane && range.from <= from && range.to >= to);
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
