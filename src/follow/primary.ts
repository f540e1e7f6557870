import type { PutRules } from '../opentsdb/put-rules.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Cursor } from '../wal/cursor.ts';
import { LogReader } from '../wal/log-reader.ts';
import type { Wal } from '../wal/log.ts';
import { Feed, type FeedEvents, type FeedLimits } from './feed.ts';
import type { FollowerState } from './follower.ts';
import type { PrimaryFacts } from './primary-facts.ts';

export interface PrimaryOptions extends FeedLimits {
  readonly primary: URL;
  readonly wal: Wal;
  readonly clock: Clock;
  readonly cursor: Cursor;
  readonly facts: PrimaryFacts;
  readonly ackTimeoutMs: number;
  readonly events: PrimaryEvents;
}

export interface PrimaryEvents extends Omit<FeedEvents, 'facts'> {
  /** The primary was reached and told of itself. */
  reached(facts: ServerFacts): void;
}

/** The follower that keeps the primary up with the log. */
export class Primary {
  readonly #options: PrimaryOptions;
  readonly #reader: LogReader;
  readonly #feed: Feed;

  constructor(options: PrimaryOptions) {
    const { primary, wal, clock, cursor, facts, events, ackTimeoutMs } = options;
    this.#options = options;
    this.#reader = new LogReader(wal);
    this.#feed = new Feed({
      target: primary,
      clock,
      log: this.#reader,
      end: () => wal.durable,
      from: cursor.position,
      limits: options,
      readsAhead: false,
      promptMs: ackTimeoutMs / 2,
      flushIntervalMs: () => facts.facts.flushIntervalMs,
      isContinued: wal.recovered.end !== undefined,
      events: {
        delivered: (last, refused) => events.delivered(last, refused),
        rejected: (suspects) => events.rejected(suspects),
        mended: (points) => events.mended(points),
        answered: (points, durationMs) => events.answered(points, durationMs),
        state: (state) => events.state(state),
        facts: (learnt) => events.reached(learnt),
        resumed: (reason) => events.resumed(reason),
        stored: (position) => events.stored(position),
        confirmed: (position) => events.confirmed(position),
        hole: (hole) => events.hole(hole),
      },
    });
  }

  get state(): FollowerState {
    return this.#feed.state;
  }

  get delivered(): Position | undefined {
    return this.#feed.delivered;
  }

  get confirmed(): Position | undefined {
    return this.#feed.confirmed;
  }

  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#feed.open;
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

  /** Follows the log until the signal aborts; what is under way then is given up, and sent again by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#feed.run(signal);
    } finally {
      await this.#reader.close();
    }
  }
}
