import { PutClient } from '../opentsdb/put-client.ts';
import { TelnetClient } from '../opentsdb/telnet-client.ts';
import type { ServerFacts } from '../opentsdb/server-facts.ts';
import type { Undone } from '../record/fork.ts';
import { lastBefore, type Position } from '../record/position.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReadableLog } from '../wal/log-reader.ts';
import { Applier } from './deliver/applier.ts';
import type { CanaryPoint } from './prove/canary.ts';
import { type ChunkEvents, ChunkReader, type ChunkSource } from './deliver/chunk-reader.ts';
import { Confirmation, type Vitals } from './prove/confirmation.ts';
import type { DeliveryEvents } from './deliver/delivery-options.ts';
import { Delivery } from './deliver/delivery.ts';
import { Doubt, type DoubtState } from './prove/doubt.ts';
import type { PastLog } from './rewrites/past-hours.ts';
import { Foresight } from './others/foresight.ts';
import { Follower, type FollowerEvents, type FollowerState } from './follower.ts';
import type { Barred } from './probe.ts';
import type { SentBodies } from './deliver/sent-bodies.ts';
import { type LookState, LookThrough, type LookThroughOptions } from './others/look-through.ts';

export interface FeedOptions {
  /** The OpenTSDB that is fed. */
  readonly target: URL;
  readonly clock: Clock;
  readonly log: ReadableLog;
  /** See DeliveryOptions. */
  readonly end: () => Position;
  /** What was confirmed before: the feed begins after it, or after what `earlier` says. */
  readonly from: Position | undefined;
  readonly earlier?: EarlierStored | undefined;
  readonly limits: FeedLimits;
  /** See DeliveryOptions. */
  readonly sentBodies?: SentBodies;
  /** See DeliveryOptions. */
  readonly isFolded?: boolean;
  /** See DeliveryOptions. */
  readonly past?: PastLog;
  /** See DeliveryOptions. */
  readonly readsAhead: boolean;
  readonly promptMs: number;
  /** How long the TSD may hold writes before it flushes them, as far as it is known. */
  readonly flushIntervalMs: () => number;
  /** Where others write to the same target, and bring what they write to a topic that this log is brought to, too. */
  readonly shared?: Shared | undefined;
  /** Records of the log that the target gets nothing of. */
  readonly undone?: Undone;
  /** An earlier process may have written just now: the first batch waits until that was flushed. */
  readonly isContinued: boolean;
  /** Whether someone waits to learn what is stored. Absent: always. */
  readonly isAwaited?: () => boolean;
  /** Records that are to be delivered once more should something fail: the cursor stays before them. Absent: none. */
  readonly unlogged?: () => readonly Position[];
  /** Absent: it is fed whatever it answers through, as by those that end some time. */
  readonly barred?: Barred;
  readonly events: FeedEvents;
}

export interface Shared extends Pick<
  LookThroughOptions,
  'others' | 'limits' | 'receiveNow' | 'undone'
> {
  /** How far of what is confirmed the cursor may go: what the topic doesn't have yet can't be seen by others. */
  readonly mayPass: (confirmed: Position) => Position | undefined;
  /** What is known of the others' writes; called at each change. */
  readonly onState: (state: LookState) => void;
  /** So many points of other lanes were put, since they are later than what was put there, or would have been. */
  readonly onLater: (points: number) => void;
}

/** What another process had proven stored. Holds while the target's vitals are what they were then. */
export interface EarlierStored {
  readonly position: Position;
  readonly vitals: Vitals;
}

export interface FeedLimits {
  readonly requestTimeoutMs: number;
  readonly syncTimeoutMs: number;
  readonly healWindowMs: number;
  readonly batchPointsMax: number;
  readonly batchBytesMax: number;
}

/** `hole`: records that will never reach the target, because the log lost them. */
export interface FeedEvents
  extends
    ChunkEvents,
    Omit<DeliveryEvents, 'caughtUp' | 'gaveWay'>,
    Pick<FollowerEvents, 'state' | 'facts' | 'resumed' | 'doubted' | 'stored' | 'confirmed'> {}

/** Of a backlog, compared at once with what others wrote. */
const FORESEEN_POINTS_MAX = 100_000;
const BACKOFF = { delayMsMin: 100, delayMsMax: 3_000, random: Math.random };
/** Beyond the TSD's flush interval: what was written that long ago was surely flushed. */
const FLUSH_MARGIN_MS = 500;

/** A log and an OpenTSDB that is kept up with it: the delivery, its proof and their connections, put together. */
export class Feed {
  readonly #events: FeedEvents;
  readonly #http: PutClient;
  readonly #telnet: TelnetClient;
  readonly #confirmation: Confirmation;
  readonly #doubt: Doubt;
  readonly #delivery: Delivery;
  readonly #follower: Follower;
  readonly #look: LookThrough | undefined;

  constructor(options: FeedOptions) {
    const { target, clock, from, earlier, limits, events, isContinued } = options;
    const { requestTimeoutMs } = limits;
    this.#events = events;
    this.#http = new PutClient({ primary: target, requestTimeoutMs });
    this.#telnet = new TelnetClient({ primary: target, requestTimeoutMs });
    this.#confirmation = new Confirmation(
      limits.healWindowMs,
      from,
      earlier && {
        stored: earlier.position,
        vitals: earlier.vitals,
        nowMs: clock.monotonicMs(),
      },
    );
    this.#doubt = new Doubt({
      healWindowMs: limits.healWindowMs,
      clock,
      begun: (reason) => events.doubted(reason),
    });
    const flushSpanMs = (): number => options.flushIntervalMs() + FLUSH_MARGIN_MS;
    const look = options.shared && this.#createLook(options.shared, clock, flushSpanMs);
    this.#look = look;
    this.#delivery = new Delivery(
      {
        ...options,
        reader: this.#createReader(options, look),
        applier: new Applier({ http: this.#http, telnet: this.#telnet }),
        doubt: this.#doubt,
        events: {
          ...deliveryEvents(events),
          gaveWay: (points) => options.shared?.onLater(points),
          caughtUp: () => this.#follower.caughtUp(),
        },
        pointsMax: limits.batchPointsMax,
        bytesMax: limits.batchBytesMax,
        look,
        flushSpanMs,
      },
      earlier?.position ?? from,
    );
    this.#follower = new Follower({
      client: this.#http,
      clock,
      backoff: new Backoff(BACKOFF),
      delivery: this.#delivery,
      confirmation: this.#confirmation,
      doubt: this.#doubt,
      syncTimeoutMs: limits.syncTimeoutMs,
      isAwaited: options.isAwaited ?? (() => true),
      mayPass: (confirmed) => {
        if (look?.isBlind === true) return undefined;
        const to = options.shared === undefined ? confirmed : options.shared.mayPass(confirmed);
        return lastBefore(to, options.unlogged?.() ?? []);
      },
      barred: options.barred ?? (() => Promise.resolve(undefined)),
      events: {
        state: (state) => events.state(state),
        facts: (facts) => this.#learn(facts),
        resumed: (reason) => events.resumed(reason),
        doubted: (reason) => events.doubted(reason),
        stored: (position) => events.stored(position),
        confirmed: (position) => events.confirmed(position),
      },
      startDelayMs: isContinued ? flushSpanMs() : 0,
    });
  }

  get state(): FollowerState {
    return this.#follower.state;
  }

  /** Why what was delivered and isn't confirmed may be lost in part; undefined: it isn't known to be. */
  get doubt(): DoubtState | undefined {
    return this.#doubt.state;
  }

  /** Up to here the target has answered for everything. */
  get delivered(): Position | undefined {
    return this.#delivery.delivered;
  }

  /** Up to here the target surely stores everything, and nothing needs to be looked at again. */
  get confirmed(): Position | undefined {
    return this.#confirmation.passed;
  }

  /** Up to here it was proven to, with these vitals; undefined when it doesn't say when it started, so that it can't be told from a new one. */
  get proven(): EarlierStored | undefined {
    const { stored: position, vitals } = this.#confirmation;
    if (position === undefined || vitals?.startTime === undefined) return undefined;
    return { position, vitals };
  }

  /** Points that were last proven to be stored, and may be put again. */
  get canaries(): readonly CanaryPoint[] {
    return this.#delivery.canary.stored;
  }

  /** Points that the target may refuse for good, and points to be put once more. */
  get open(): { readonly suspects: number; readonly mends: number } {
    return this.#delivery.open;
  }

  /** The target's reply to telnet `version`, once it was seen. */
  get version(): string | undefined {
    return this.#telnet.version;
  }

  /** What is known of others' writes; undefined where there can be none. */
  get look(): LookState | undefined {
    return this.#look?.state;
  }

  /** What follows from this record on came to the topic so late that others may have looked there before; what is not put yet needs nothing. */
  hidden(first: Position): void {
    if (this.#delivery.hasTaken(first)) this.#look?.hidden();
  }

  isStored(position: Position): boolean {
    return this.#confirmation.isStored(position);
  }

  /** The log has grown. */
  wake(): void {
    this.#delivery.wake();
  }

  degrade(reason: string): void {
    this.#follower.degrade(reason);
  }

  /** Everything after the cursor must be delivered again. */
  again(reason: string): void {
    this.#follower.again(reason);
  }

  /** Feeds until the signal aborts; what is under way then is given up, its connections are closed, and the next start sends it again. */
  async run(signal: AbortSignal): Promise<void> {
    const hangUp = async (): Promise<void> => {
      this.#telnet.close();
      await this.#http.close();
    };
    signal.addEventListener('abort', () => void hangUp(), { once: true });
    try {
      await Promise.all([this.#follower.run(signal), this.#look?.run(signal)]);
    } finally {
      await hangUp();
    }
  }

  #createReader(
    { log, shared, undone, events }: FeedOptions,
    look: LookThrough | undefined,
  ): ChunkSource {
    const reader = new ChunkReader(log, events, undone);
    if (shared === undefined || look === undefined) return reader;
    return new Foresight({
      ...shared,
      ...shared.limits,
      pointsMax: FORESEEN_POINTS_MAX,
      reader,
      look,
    });
  }

  #createLook(shared: Shared, clock: Clock, flushSpanMs: () => number): LookThrough {
    const { others, limits, receiveNow, undone, onState } = shared;
    return new LookThrough({
      others,
      limits,
      clock,
      receiveNow,
      undone,
      flushSpanMs,
      passed: () => this.#confirmation.passed,
      events: {
        giveWay: async (winners, signal) => {
          const given = this.#delivery.repeats.giveWay(winners, signal);
          this.#delivery.wake();
          await given;
        },
        again: (reason) => this.#follower.again(reason),
        state: onState,
      },
    });
  }

  #learn(facts: ServerFacts): void {
    this.#events.facts(facts);
    // Only the version line that comes back is wanted.
    if (this.#telnet.version === undefined) void this.#telnet.send(Buffer.alloc(0));
  }
}

function deliveryEvents(events: FeedEvents): Omit<DeliveryEvents, 'caughtUp' | 'gaveWay'> {
  return {
    delivered: (last, refused) => events.delivered(last, refused),
    rejected: (suspects) => events.rejected(suspects),
    mended: (points) => events.mended(points),
    unsettled: (points) => events.unsettled(points),
    answered: (points, durationMs) => events.answered(points, durationMs),
  };
}
