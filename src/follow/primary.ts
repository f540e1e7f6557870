import { PutClient } from '../opentsdb/put-client.ts';
import { TelnetClient } from '../opentsdb/telnet-client.ts';
import type { PutRules } from '../opentsdb/put-rules.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Hole } from '../record/control.ts';
import type { Position } from '../record/position.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Cursor } from '../wal/cursor.ts';
import { LogReader } from '../wal/log-reader.ts';
import type { Wal } from '../wal/log.ts';
import { Applier } from './applier.ts';
import { ChunkReader } from './chunk-reader.ts';
import { Confirmation } from './confirmation.ts';
import type { DeliveryEvents } from './delivery-options.ts';
import { Delivery } from './delivery.ts';
import { Follower, type FollowerEvents, type FollowerState } from './follower.ts';
import type { PrimaryFacts } from './primary-facts.ts';

export interface PrimaryOptions {
  readonly primary: URL;
  readonly wal: Wal;
  readonly clock: Clock;
  readonly cursor: Cursor;
  readonly facts: PrimaryFacts;
  readonly ackTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly syncTimeoutMs: number;
  readonly healWindowMs: number;
  readonly batchPointsMax: number;
  readonly batchBytesMax: number;
  readonly events: PrimaryEvents;
}

export interface PrimaryEvents
  extends
    Omit<DeliveryEvents, 'caughtUp'>,
    Pick<FollowerEvents, 'state' | 'resumed' | 'stored' | 'confirmed'> {
  /** The primary was reached and told of itself. */
  reached(facts: ServerFacts): void;
  /** Records that will never reach the primary, because the log lost them. */
  hole(hole: Hole): void;
}

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 3_000;
/** Beyond the TSD's flush interval: what was written that long ago was surely flushed. */
const FLUSH_MARGIN_MS = 500;

/** The follower that keeps the primary up with the log, put together from its parts. */
export class Primary {
  readonly #options: PrimaryOptions;
  readonly #http: PutClient;
  readonly #telnet: TelnetClient;
  readonly #reader: LogReader;
  readonly #confirmation: Confirmation;
  readonly #delivery: Delivery;
  readonly #follower: Follower;

  constructor(options: PrimaryOptions) {
    const { primary, wal, clock, cursor, facts, events, requestTimeoutMs } = options;
    this.#options = options;
    this.#http = new PutClient({ primary, requestTimeoutMs });
    this.#telnet = new TelnetClient({ primary, requestTimeoutMs });
    this.#reader = new LogReader(wal);
    const from = cursor.position;
    this.#confirmation = new Confirmation(options.healWindowMs, from);
    const flushSpanMs = (): number => facts.facts.flushIntervalMs + FLUSH_MARGIN_MS;
    this.#delivery = new Delivery(
      {
        reader: new ChunkReader(this.#reader, (hole) => events.hole(hole)),
        applier: new Applier({ http: this.#http, telnet: this.#telnet }),
        clock,
        events: { ...bound(events), caughtUp: () => this.#follower.caughtUp() },
        end: () => wal.durable,
        pointsMax: options.batchPointsMax,
        bytesMax: options.batchBytesMax,
        readsAhead: false,
        promptMs: options.ackTimeoutMs / 2,
        flushSpanMs,
      },
      from,
    );
    const { end } = wal.recovered;
    this.#follower = new Follower({
      client: this.#http,
      clock,
      backoff: new Backoff({
        delayMsMin: BACKOFF_MS_MIN,
        delayMsMax: BACKOFF_MS_MAX,
        random: Math.random,
      }),
      delivery: this.#delivery,
      confirmation: this.#confirmation,
      syncTimeoutMs: options.syncTimeoutMs,
      events: {
        state: (state) => events.state(state),
        facts: (learnt) => this.#learn(learnt),
        resumed: (reason) => events.resumed(reason),
        stored: (position) => events.stored(position),
        confirmed: (position) => events.confirmed(position),
      },
      startDelayMs: end === undefined ? 0 : flushSpanMs(),
    });
  }

  get state(): FollowerState {
    return this.#follower.state;
  }

  get delivered(): Position | undefined {
    return this.#delivery.delivered;
  }

  get confirmed(): Position | undefined {
    return this.#confirmation.confirmed;
  }

  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#delivery.open;
  }

  /** What puts must obey, as far as it is known. */
  get rules(): PutRules {
    return this.#options.facts.facts.rules;
  }

  /** The primary's reply to telnet `version`, once it was seen. */
  get version(): string | undefined {
    return this.#telnet.version;
  }

  /** The log has grown. */
  wake(): void {
    this.#delivery.wake();
  }

  degrade(reason: string): void {
    this.#follower.degrade(reason);
  }

  /** Follows the log until the signal aborts; what is under way then is given up, and sent again by the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const hangUp = (): void => {
      this.#telnet.close();
      void this.#http.close();
    };
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      await this.#follower.run(signal);
    } finally {
      hangUp();
      await this.#reader.close();
    }
  }

  #learn(facts: ServerFacts): void {
    this.#options.events.reached(facts);
    // Only the version line that comes back is wanted.
    if (this.#telnet.version === undefined) void this.#telnet.send(Buffer.alloc(0));
  }
}

function bound(events: PrimaryEvents): Omit<DeliveryEvents, 'caughtUp'> {
  return {
    delivered: (last, refused) => events.delivered(last, refused),
    rejected: (suspects) => events.rejected(suspects),
    mended: (points) => events.mended(points),
    answered: (points, durationMs) => events.answered(points, durationMs),
  };
}
