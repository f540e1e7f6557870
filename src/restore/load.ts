import { join } from 'node:path';
import { Applier } from '../follow/applier.ts';
import { ChunkReader } from '../follow/chunk-reader.ts';
import { Confirmation, type Vitals } from '../follow/confirmation.ts';
import { Delivery } from '../follow/delivery.ts';
import { Follower, type FollowerState } from '../follow/follower.ts';
import type { Suspect } from '../follow/suspects.ts';
import { PutClient } from '../opentsdb/put-client.ts';
import { TelnetClient } from '../opentsdb/telnet-client.ts';
import { NOWHERE, type Position } from '../record/position.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { assert } from '../runtime/errors.ts';
import type { FoldRange } from './fold-query.ts';
import { FoldSource } from './fold-source.ts';
import { LineFile } from './line-file.ts';
import { RateLimit } from './rate-limit.ts';

export interface LoadOptions {
  readonly target: URL;
  readonly clock: Clock;
  /** Names the stream of lines. */
  readonly lane: string;
  readonly ranges: readonly FoldRange[];
  /** Of the ranges' lines. */
  readonly directory: string;
  readonly writeLines: (range: FoldRange, path: string) => Promise<unknown>;
  /** What an earlier run has confirmed. */
  readonly from: Position | undefined;
  /** And what it had proven stored beyond that. */
  readonly earlier: EarlierStored | undefined;
  readonly targetMs: number;
  /** Points a second; Infinity for no limit. */
  readonly rate: number;
  readonly limits: LoadLimits;
  readonly events: LoadEvents;
}

/** Holds while the target's vitals are what they were then. */
export interface EarlierStored {
  readonly position: Position;
  readonly vitals: Vitals;
}

export interface LoadLimits {
  readonly requestTimeoutMs: number;
  readonly syncTimeoutMs: number;
  readonly healWindowMs: number;
  readonly batchPointsMax: number;
  readonly batchBytesMax: number;
}

export const LOAD_LIMITS: LoadLimits = {
  requestTimeoutMs: 30_000,
  syncTimeoutMs: 15_000,
  healWindowMs: 10_000,
  batchPointsMax: 4_000,
  batchBytesMax: 1_048_576,
};

export interface LoadEvents {
  state(state: FollowerState): void;
  /** The lines of one more range are there to be sent. */
  produced(lines: Pick<LineFile, 'http' | 'telnet'>): void;
  /** Delivery goes back to what was last confirmed. */
  resumed(reason: string): void;
  /** So many points were answered. */
  answered(points: number): void;
  /** Up to here the target was proven to store everything, with these vitals: a later run may begin here if they are the same. */
  stored(earlier: EarlierStored): void;
  /** Up to here it surely does: a later run may begin here. */
  confirmed(position: Position): Promise<void>;
  /** The target refuses these for good. Resolves when that is written down. */
  refused(points: readonly Suspect[]): Promise<void>;
}

const BACKOFF = { delayMsMin: 100, delayMsMax: 3_000, random: Math.random };
const FLUSH_MARGIN_MS = 500;

/** Brings the folded state into an OpenTSDB by the one way in which tsdb-wal writes to any. */
export class Load {
  readonly #options: LoadOptions;
  readonly #source: FoldSource;
  readonly #http: PutClient;
  readonly #telnet: TelnetClient;
  readonly #confirmation: Confirmation;
  readonly #delivery: Delivery;
  readonly #follower: Follower;
  readonly #over = new AbortController();
  #flushIntervalMs = 1_000;
  #failure: Error | undefined;

  constructor(options: LoadOptions) {
    const { target, clock, from, earlier, limits, events } = options;
    this.#options = options;
    this.#source = this.#createSource();
    const { requestTimeoutMs } = limits;
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
    this.#delivery = this.#createDelivery();
    this.#follower = new Follower({
      client: this.#http,
      clock,
      backoff: new Backoff(BACKOFF),
      delivery: this.#delivery,
      confirmation: this.#confirmation,
      syncTimeoutMs: limits.syncTimeoutMs,
      events: {
        state: (state) => {
          if (!this.#over.signal.aborted) events.state(state);
        },
        facts: ({ flushIntervalMs }) => (this.#flushIntervalMs = flushIntervalMs),
        resumed: (reason) => events.resumed(reason),
        stored: () => this.#onStored(),
        confirmed: (position) => this.#onConfirmed(position),
      },
      startDelayMs: 0,
    });
  }

  /** Up to here the target has answered for everything. */
  get delivered(): Position | undefined {
    return this.#delivery.delivered;
  }

  /** Points that the target may refuse for good. */
  get suspects(): number {
    return this.#delivery.open.suspects;
  }

  /** How much of the state is delivered, by its rows before the fold: 0 to 1. */
  get progress(): number {
    if (this.#isStored()) return 1;
    const { ranges } = this.#options;
    const total = ranges.reduce((sum, { rows }) => sum + rows, 0);
    const { ordinal = 1, seq = 0 } = this.delivered ?? {};
    const before = ranges.slice(0, ordinal - 1).reduce((sum, { rows }) => sum + rows, 0);
    const within = (ranges[ordinal - 1]?.rows ?? 0) * this.#source.partOf(ordinal, seq);
    return total === 0 ? 0 : (before + within) / total;
  }

  /** Resolves once the last point is proven stored (true), or the signal aborts; rejects when the state can't be computed. */
  async run(signal: AbortSignal): Promise<boolean> {
    const abort = (): void => this.#over.abort();
    signal.addEventListener('abort', abort, { once: true });
    const hangUp = (): void => {
      this.#telnet.close();
      void this.#http.close();
    };
    this.#over.signal.addEventListener('abort', hangUp, { once: true });
    try {
      if (signal.aborted || this.#options.ranges.length === 0) abort();
      await this.#follower.run(this.#over.signal);
    } finally {
      signal.removeEventListener('abort', abort);
      hangUp();
      await this.#source.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isStored();
  }

  #createSource(): FoldSource {
    const { ranges, lane, rate, clock, targetMs } = this.#options;
    return new FoldSource({
      lane,
      from: this.#start,
      ranges: ranges.length,
      produce: (index) => this.#produce(index),
      limit: new RateLimit(rate, () => clock.monotonicMs()),
      wake: () => {
        this.#endIfStored();
        this.#delivery.wake();
      },
      failed: (error) => {
        this.#failure = error;
        this.#over.abort();
      },
      atMs: targetMs,
    });
  }

  async #produce(index: number): Promise<LineFile> {
    const { ranges, directory, writeLines, events } = this.#options;
    const path = join(directory, `${index}.lines`);
    const range = ranges[index];
    assert(range !== undefined, 'only ranges that there are are asked for');
    await writeLines(range, path);
    const file = await LineFile.open(path);
    events.produced(file);
    return file;
  }

  #createDelivery(): Delivery {
    const { clock, events, limits } = this.#options;
    return new Delivery(
      {
        reader: new ChunkReader(this.#source, () => undefined),
        applier: new Applier({ http: this.#http, telnet: this.#telnet }),
        clock,
        events: {
          // Nobody was told of their fate: each is tried again before it counts as refused.
          delivered: (_last, refused) => refused,
          rejected: (suspects) => events.refused(suspects),
          caughtUp: () => this.#follower.caughtUp(),
          mended: () => undefined,
          answered: (points) => events.answered(points),
        },
        // The state holds one value for an instant: there is nothing to fold, so its end is never far.
        end: () => NOWHERE,
        pointsMax: limits.batchPointsMax,
        bytesMax: limits.batchBytesMax,
        readsAhead: true,
        promptMs: limits.requestTimeoutMs,
        flushSpanMs: () => this.#flushIntervalMs + FLUSH_MARGIN_MS,
      },
      this.#start,
    );
  }

  /** Where the first line is sent from. */
  get #start(): Position | undefined {
    const { from, earlier } = this.#options;
    return earlier?.position ?? from;
  }

  #onStored(): void {
    const { stored: position, vitals } = this.#confirmation;
    // One that doesn't say when it started can't be told from one that was started anew.
    if (position !== undefined && vitals?.startTime !== undefined) {
      this.#options.events.stored({ position, vitals });
    }
    this.#endIfStored();
  }

  async #onConfirmed(position: Position): Promise<void> {
    await this.#options.events.confirmed(position);
    await this.#source.forget(position);
  }

  #isStored(): boolean {
    const { end } = this.#source;
    if (this.#options.ranges.length === 0) return true;
    if (end === undefined) return false;
    return end.seq === 0 || this.#confirmation.isStored(end);
  }

  #endIfStored(): void {
    if (this.#isStored()) this.#over.abort();
  }
}
