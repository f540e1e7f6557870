import { join } from 'node:path';
import { type EarlierStored, Feed, type FeedLimits } from '../../follow/feed.ts';
import type { FollowerState } from '../../follow/follower.ts';
import type { Suspect } from '../../follow/deliver/suspects.ts';
import { NOWHERE, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { assert } from '../../runtime/errors.ts';
import type { FoldRange } from '../fold/fold-range.ts';
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
  readonly asOfMs: number;
  /** Points a second; Infinity for no limit. */
  readonly rate: number;
  readonly limits: FeedLimits;
  readonly events: LoadEvents;
}

export const LOAD_LIMITS: FeedLimits = {
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
  /** Up to here the target was proven to store everything, with these vitals: a later run may begin here if they are the same. */
  stored(earlier: EarlierStored): void;
  /** Up to here it surely does: a later run may begin here. */
  confirmed(position: Position): Promise<void>;
  /** The target refuses these for good. Resolves when that is written down. */
  refused(points: readonly Suspect[]): Promise<void>;
}

/** Brings the folded state into an OpenTSDB by the one way in which tsdb-wal writes to any. */
export class Load {
  readonly #options: LoadOptions;
  readonly #source: FoldSource;
  readonly #feed: Feed;
  readonly #over = new AbortController();
  /** Of each range that this run has made, by its index. */
  readonly #points = new Map<number, number>();
  #flushIntervalMs = 1_000;
  #failure: Error | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#source = this.#createSource();
    this.#feed = this.#createFeed();
  }

  /** Up to here the target has answered for everything. */
  get delivered(): Position | undefined {
    return this.#feed.delivered;
  }

  /** Points that the target may refuse for good. */
  get suspects(): number {
    return this.#feed.open.suspects;
  }

  /** How much of the state is delivered, by its rows before the fold: 0 to 1. What has to be delivered again doesn't count. */
  get progress(): number {
    if (this.#isStored()) return 1;
    const { ranges } = this.#options;
    const total = ranges.reduce((sum, { rows }) => sum + rows, 0);
    return total === 0 ? 0 : this.#deliveredOf(ranges.map(({ rows }) => rows)) / total;
  }

  /** The same in points; of ranges that an earlier run has made it is their rows. */
  get points(): number {
    const points = this.#options.ranges.map(({ rows }, index) => this.#points.get(index) ?? rows);
    if (this.#isStored()) return points.reduce((sum, count) => sum + count, 0);
    return Math.round(this.#deliveredOf(points));
  }

  /** `sizes`: of each range. */
  #deliveredOf(sizes: readonly number[]): number {
    const { ordinal = 1, seq = 0 } = this.delivered ?? {};
    const before = sizes.slice(0, ordinal - 1).reduce((sum, size) => sum + size, 0);
    return before + (sizes[ordinal - 1] ?? 0) * this.#source.partOf(ordinal, seq);
  }

  /** Resolves once the last point is proven stored (true), or the signal aborts; rejects when the state can't be computed. */
  async run(signal: AbortSignal): Promise<boolean> {
    const abort = (): void => this.#over.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted || this.#options.ranges.length === 0) abort();
      await this.#feed.run(this.#over.signal);
    } finally {
      signal.removeEventListener('abort', abort);
      await this.#source.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isStored();
  }

  #createSource(): FoldSource {
    const { ranges, lane, rate, clock, asOfMs } = this.#options;
    return new FoldSource({
      lane,
      from: this.#start,
      ranges: ranges.length,
      produce: (index) => this.#produce(index),
      limit: new RateLimit(rate, () => clock.monotonicMs()),
      wake: () => {
        this.#endIfStored();
        this.#feed.wake();
      },
      failed: (error) => {
        this.#failure = error;
        this.#over.abort();
      },
      atMs: asOfMs,
    });
  }

  async #produce(index: number): Promise<LineFile> {
    const { ranges, directory, writeLines, events } = this.#options;
    const path = join(directory, `${index}.lines`);
    const range = ranges[index];
    assert(range !== undefined, 'only ranges that there are are asked for');
    await writeLines(range, path);
    const file = await LineFile.open(path);
    this.#points.set(index, file.http.count + file.telnet.count);
    events.produced(file);
    return file;
  }

  #createFeed(): Feed {
    const { target, clock, from, earlier, limits, events } = this.#options;
    return new Feed({
      target,
      clock,
      log: this.#source,
      isFolded: true,
      // There is nothing to fold, so its end is never far.
      end: () => NOWHERE,
      from,
      earlier,
      limits,
      readsAhead: true,
      promptMs: limits.requestTimeoutMs,
      flushIntervalMs: () => this.#flushIntervalMs,
      isContinued: false,
      events: {
        // Nobody was told of their fate: each is tried again before it counts as refused.
        delivered: (_last, refused) => refused,
        rejected: (suspects) => events.refused(suspects),
        mended: () => undefined,
        // Folded, it has no rewrites.
        unsettled: () => undefined,
        answered: () => undefined,
        state: (state) => {
          if (!this.#over.signal.aborted) events.state(state);
        },
        facts: ({ flushIntervalMs }) => (this.#flushIntervalMs = flushIntervalMs),
        resumed: (reason) => events.resumed(reason),
        doubted: (reason) => events.state({ kind: 'behind', reason }),
        stored: () => this.#onStored(),
        confirmed: (position) => this.#onConfirmed(position),
        hole: () => undefined,
      },
    });
  }

  /** Where the first line is sent from. */
  get #start(): Position | undefined {
    const { from, earlier } = this.#options;
    return earlier?.position ?? from;
  }

  #onStored(): void {
    const { proven } = this.#feed;
    if (proven !== undefined) this.#options.events.stored(proven);
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
    return end.seq === 0 || this.#feed.isStored(end);
  }

  #endIfStored(): void {
    if (this.#isStored()) this.#over.abort();
  }
}
