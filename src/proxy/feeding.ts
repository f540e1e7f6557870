import type { Config } from '../config/options.ts';
import { DeadLetters } from '../follow/dead-letters.ts';
import type { DoubtState } from '../follow/prove/doubt.ts';
import type { Shared } from '../follow/feed.ts';
import type { NewTerm, PrimaryChoice } from '../follow/primary-choice.ts';
import type { PrimaryFacts } from '../follow/primary-facts.ts';
import { Primary } from '../follow/primary.ts';
import type { SentBodies } from '../follow/deliver/sent-bodies.ts';
import { type Barred, type Probed, probeOnce } from '../follow/probe.ts';
import type { Witnesses } from '../follow/witnesses.ts';
import type { DurableWritePath } from '../ingest/write-path/durable-write-path.ts';
import type { Hole } from '../record/control.ts';
import type { Fork } from '../record/fork.ts';
import type { Contained, LaneEnd } from '../record/lane-end.ts';
import type { Term } from '../record/term.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Cursor } from '../wal/cursor.ts';
import { endsAt, type EndsAt } from '../wal/ends-at.ts';
import type { Wal } from '../wal/log.ts';
import { feedLimitsOf } from '../follow/feed-limits.ts';
import { Fence } from './fence.ts';
import { ForkTelling } from './fork-telling.ts';
import { ownLoop } from './own-loop.ts';
import { PrimaryReport } from './primary-report.ts';
import { heldFor, PrimarySwitch } from './primary-switch.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { Replication } from './replication.ts';
import { OTHERS_SEEN } from './sharing.ts';
import { tellLacking, witnessesOf } from './witnessing.ts';

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
  readonly replication:
    | Pick<Replication, 'acknowledged' | 'drain' | 'others' | 'lookBack'>
    | undefined;
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
  /** Since when it is the primary by promotion; undefined: by none that is known. */
  readonly term: Term | undefined;
  /** What other proxies were given since, where it gets nothing for that. */
  readonly fencedBy: Term | undefined;
  /** Up to where something may have been sent to what is held; of what is fed, all there is. */
  readonly lanes: readonly LaneEnd[];
}

/**
 * The primary as the proxy sees it: the follower that feeds it, what is told of it, and the switch to another one. While held, writes are
 * answered on the log (and Kafka) alone.
 */
export class Feeding {
  readonly primary: Primary;
  readonly #options: FeedingOptions;
  readonly #switch: PrimarySwitch;
  readonly #fence: Fence | undefined;
  readonly #deadLetters: DeadLetters;
  readonly #barred: Barred;
  readonly #witnesses: Witnesses;

  constructor(options: FeedingOptions) {
    const { config, wal, clock, cursor, facts, choice } = options;
    this.#options = options;
    this.#deadLetters = new DeadLetters(config.data);
    this.#barred = ownLoop(wal, options.replication?.others);
    const report = new PrimaryReport({
      ...options,
      primary: () => choice.url.origin,
      deadLetters: this.#deadLetters,
    });
    this.#witnesses = witnessesOf({ ...options, primary: () => this.primary });
    const events = report.events();
    this.primary = new Primary({
      primary: choice.url,
      heldFor: heldFor(choice, wal, options.replication !== undefined),
      wal,
      clock,
      cursor,
      facts,
      undone: choice.undone,
      sentBodies: options.sentBodies,
      ackTimeoutMs: config.delivery.ackTimeout,
      isAwaited: () => options.writePath.isStoringAwaited,
      unlogged: () => options.writePath.unlogged,
      barred: this.#barred,
      ...feedLimitsOf(config.delivery),
      shared: options.shared,
      events: {
        ...events,
        reached: (learnt) => {
          events.reached(learnt);
          this.#witnesses.reached();
        },
      },
    });
    const telling = new ForkTelling(options);
    const { replication } = options;
    const look = replication && ((signal: AbortSignal) => replication.lookBack(signal));
    this.#fence = look && new Fence({ ...options, look });
    const parts = { primary: this.primary, telling, fence: this.#fence };
    this.#switch = new PrimarySwitch({ ...options, ...parts });
  }

  get url(): URL {
    return this.#options.choice.url;
  }

  get deadLetters(): number {
    return this.#deadLetters.count;
  }

  /** What works with less than usual, for people. */
  get troubles(): readonly string[] {
    const { state, doubt, look } = this.primary;
    const { misnamed } = this.#switch;
    const away = state.kind === 'live' ? [] : [`the primary is ${state.kind}: ${state.reason}`];
    if (doubt !== undefined) away.push(describeDoubt(doubt));
    if (look?.kind === 'blind') away.push(`${OTHERS_SEEN.blind}: ${look.reason}`);
    const lacking = tellLacking(this.#witnesses, this.url.origin, this.#options.config.data);
    return [...away, lacking, misnamed].filter((trouble) => trouble !== undefined);
  }

  /** Whether the primary is known to lack what it had. */
  get isLacking(): boolean {
    return this.#witnesses.lacking !== undefined;
  }

  get state(): FeedingState {
    const { choice } = this.#options;
    const fenced = this.#fence?.fenced;
    return {
      url: choice.url.origin,
      configured: choice.misnamed?.configured,
      heldSinceMs: choice.hold?.sinceMs ?? fenced?.sinceMs,
      term: choice.term,
      fencedBy: fenced?.by,
      lanes: this.#switch.ends,
    };
  }

  /**
   * The lanes of `state` as they were at a time, epoch ms, and what they have received since that `to` is not to have, should it become the
   * primary as of then; if it is that already, what was undone. And what promotions undid that the time lies within. Throws TIME_UNREACHABLE.
   */
  async endsAt(ms: number, to: URL): Promise<EndsAt & { readonly around: readonly Fork[] }> {
    const { choice, wal } = this.#options;
    await this.#switch.recall();
    const { ends } = this.#switch;
    const around = choice.undoneAround(ms);
    const found = { ...(await endsAt(wal, ends, ms)), around };
    // One that only names it was not given it by a promotion as of then, which it would know.
    const forks = choice.url.origin === to.origin ? choice.forks.filter(({ at }) => at === ms) : [];
    if (forks.length === 0) return found;
    const own = new Set(ends.map(({ lane }) => lane));
    const ranges = forks.flatMap(({ undone }) => undone);
    return { ...found, later: ranges.filter(({ lane }) => own.has(lane)) };
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#switch.start(signal);
    await Promise.all([this.primary.run(signal), this.#witnesses.run(signal)]);
    await this.#switch.stopped();
  }

  /** A step of the switch; as the next two it resolves to how the primary then stands. */
  async hold(): Promise<FeedingState> {
    await this.#switch.hold();
    return this.state;
  }

  async switchTo(to: URL, contained: Contained, term: NewTerm): Promise<FeedingState> {
    await this.#switch.switchTo(to, { contained, ...term });
    return this.state;
  }

  async release(): Promise<FeedingState> {
    await this.#switch.release();
    return this.state;
  }

  async claim(as: 'same' | 'next'): Promise<FeedingState> {
    await this.#switch.claim(as);
    return this.state;
  }

  /** What another proxy says of its primary. */
  hear(term: Term): void {
    this.#switch.hear(term);
  }

  /** Whether an OpenTSDB answers this process, and could be its primary. */
  async probe(url: URL): Promise<Probed> {
    return probeOnce(url, this.#barred);
  }
}

function describeDoubt({ reason, since }: DoubtState): string {
  const cause = `${reason}, since ${formatInstant(since)}`;
  return `what the primary took is in doubt, and is delivered again when it is without trouble: ${cause}`;
}

/** What is told of it in answers and in /status (docs/OPERATIONS.md). */
export function describeFeeding(state: FeedingState): object {
  const { url, configured, heldSinceMs, term, fencedBy, lanes } = state;
  return {
    url,
    configured: configured ?? url,
    since: term?.since ?? null,
    heldSince: heldSinceMs === undefined ? null : formatInstant(heldSinceMs),
    fencedBy: fencedBy ?? null,
    lanes,
  };
}
