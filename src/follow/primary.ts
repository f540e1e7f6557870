import type { PutRules } from '../opentsdb/put-rules.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Undone } from '../record/fork.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Cursor } from '../wal/cursor.ts';
import { LogReader } from '../wal/log-reader.ts';
import type { Wal } from '../wal/log.ts';
import type { CanaryPoint } from './prove/canary.ts';
import { ChunkReader } from './deliver/chunk-reader.ts';
import type { PastLog } from './rewrites/past-hours.ts';
import { Feed, type FeedEvents, type FeedLimits, type Shared } from './feed.ts';
import type { DoubtState } from './prove/doubt.ts';
import type { FollowerState } from './follower.ts';
import type { LookState } from './others/look-through.ts';
import type { PrimaryFacts } from './primary-facts.ts';
import type { Barred } from './probe.ts';
import type { SentBodies } from './deliver/sent-bodies.ts';

export interface PrimaryOptions extends FeedLimits {
  readonly primary: URL;
  /** Why nothing is sent to it at first. */
  readonly heldFor: string | undefined;
  readonly wal: Wal;
  readonly clock: Clock;
  readonly cursor: Cursor;
  readonly facts: PrimaryFacts;
  /** Records of the log that it gets nothing of. */
  readonly undone: Undone;
  /** What was sent of the newest records. */
  readonly sentBodies: SentBodies;
  readonly ackTimeoutMs: number;
  /** Whether a client waits to learn that what it wrote is stored. */
  readonly isAwaited: () => boolean;
  /** See FeedOptions. */
  readonly unlogged: () => readonly Position[];
  readonly barred: Barred;
  /** Where other proxies write to it, too. */
  readonly shared: Shared | undefined;
  readonly events: PrimaryEvents;
}

export interface PrimaryEvents extends Omit<FeedEvents, 'facts'> {
  /** The primary was reached and told of itself. */
  reached(facts: ServerFacts): void;
  /** What went to the hour that begins then, epoch ms, was not read back: rewrites of it may lose against OpenTSDB's compaction. */
  unread(startMs: number, reason: string): void;
}

/**
 * The follower that keeps the primary up with the log. It can be held: then nothing goes to the primary and nothing is under way, until
 * it goes on, with the same OpenTSDB or another one.
 */
export class Primary {
  readonly #options: PrimaryOptions;
  #reader: LogReader;
  #feed: Feed;
  #held: Extract<FollowerState, { kind: 'down' }> | undefined;
  /** Ends the feed that is running. */
  #over = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #goOn: (() => void) | undefined;
  #wasFed = false;

  constructor(options: PrimaryOptions) {
    const { wal, primary, heldFor } = options;
    this.#options = options;
    if (heldFor !== undefined) this.#held = { kind: 'down', reason: heldFor };
    this.#reader = new LogReader(wal);
    this.#feed = this.#createFeed(primary, wal.recovered.end !== undefined);
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  get state(): FollowerState {
    return this.#held ?? this.#feed.state;
  }

  /** Why what it was given and isn't confirmed may be lost in part; undefined: it isn't known to be. */
  get doubt(): DoubtState | undefined {
    return this.#held === undefined ? this.#feed.doubt : undefined;
  }

  get delivered(): Position | undefined {
    return this.#feed.delivered;
  }

  get confirmed(): Position | undefined {
    return this.#feed.confirmed;
  }

  /** Points that were last proven to be stored, and may be put again. */
  get canaries(): readonly CanaryPoint[] {
    return this.#feed.canaries;
  }

  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#feed.open;
  }

  /** What is known of other proxies' writes to it; undefined without Kafka. */
  get look(): LookState | undefined {
    return this.#feed.look;
  }

  /** What follows from this record on came to Kafka so late that other proxies may have looked there before. */
  hidden(first: Position): void {
    this.#feed.hidden(first);
  }

  /** What puts must obey, as far as it is known. */
  get rules(): PutRules {
    return this.#options.facts.facts.rules;
  }

  /** The primary's reply to telnet `version`, once it was seen. */
  get version(): string | undefined {
    return this.#feed.version;
  }

  /** The log has grown. */
  wake(): void {
    this.#feed.wake();
  }

  degrade(reason: string): void {
    this.#feed.degrade(reason);
  }

  /** Everything after the cursor must be delivered again. */
  again(reason: string): void {
    this.#feed.again(reason);
  }

  /** Nothing goes to the primary from now on. Resolves when what was under way was answered or its connections are closed. */
  async hold(reason: string): Promise<void> {
    this.#held = { kind: 'down', reason };
    // Nobody waits for the answers that are still to come.
    this.#options.events.state(this.#held);
    this.#over.abort();
    await this.#running;
  }

  /** Ends the hold: this OpenTSDB is fed, from after the cursor on. */
  goOn(primary: URL): void {
    const { wal } = this.#options;
    this.#reader = new LogReader(wal);
    this.#feed = this.#createFeed(primary, this.#wasFed || wal.recovered.end !== undefined);
    this.#held = undefined;
    this.#goOn?.();
  }

  /** Follows the log until the signal aborts; what is under way then is given up, and sent again by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const end = (): void => {
      this.#over.abort();
      this.#goOn?.();
    };
    signal.addEventListener('abort', end, { once: true });
    while (!signal.aborted) {
      if (this.#held === undefined) await this.#follow();
      else await new Promise<void>((resolve) => (this.#goOn = resolve));
    }
  }

  async #follow(): Promise<void> {
    this.#wasFed = true;
    this.#over = new AbortController();
    const reader = this.#reader;
    const running = this.#feed.run(this.#over.signal);
    this.#running = running.catch(() => undefined);
    try {
      await running;
    } finally {
      await reader.close();
    }
  }

  #createFeed(target: URL, isContinued: boolean): Feed {
    const { wal, clock, cursor, facts, undone, sentBodies, shared, events } = this.#options;
    const { ackTimeoutMs, isAwaited, unlogged, barred } = this.#options;
    return new Feed({
      target,
      clock,
      log: this.#reader,
      end: () => wal.durable,
      from: cursor.position,
      sentBodies,
      past: pastOf(wal, undone, events),
      limits: this.#options,
      readsAhead: false,
      promptMs: ackTimeoutMs / 2,
      flushIntervalMs: () => facts.facts.flushIntervalMs,
      shared,
      undone,
      isContinued,
      isAwaited,
      unlogged,
      barred,
      events: {
        delivered: (last, refused) => events.delivered(last, refused),
        rejected: (suspects) => events.rejected(suspects),
        mended: (points) => events.mended(points),
        unsettled: (points) => events.unsettled(points),
        answered: (points, durationMs) => events.answered(points, durationMs),
        state: (state) => {
          if (this.#held === undefined) events.state(state);
        },
        facts: (learnt) => events.reached(learnt),
        resumed: (reason) => events.resumed(reason),
        doubted: (reason) => events.doubted(reason),
        stored: (position) => events.stored(position),
        confirmed: (position) => events.confirmed(position),
        hole: (hole) => events.hole(hole),
        outcome: (outcome) => events.outcome?.(outcome),
      },
    });
  }
}

function pastOf(wal: Wal, undone: Undone, events: Pick<PrimaryEvents, 'unread'>): PastLog {
  const log = new LogReader(wal);
  // Holes are told when they are delivered.
  const reader = new ChunkReader(log, { hole: () => undefined }, undone);
  return {
    before: (ms) => log.before(ms),
    readInto: (chunk, after, limits) => reader.fill(chunk, after, limits),
    close: () => log.close(),
    gaveUp: (startMs, reason) => events.unread(startMs, reason),
  };
}
