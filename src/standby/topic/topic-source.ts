import type { Fork } from '../../record/fork.ts';
import { CLOCK_MS_MAX, type TopicRead } from '../../record/topic-read.ts';
import type { Clock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import { formatInstant } from '../../runtime/instant.ts';
import { type Frontier, frontierOf, isEarlier, placeBefore } from '../source/frontier.ts';
import type { LaneMemory, LaneQueue } from './lane-queue.ts';
import type { PassRead } from './pass-read.ts';
import { SILENT_MS } from './patience.ts';
import type { Place } from '../place.ts';
import { type SeenLane, SeenLanes } from '../source/seen-lanes.ts';
import type { SharedTopic } from './shared-topic.ts';
import type { SourceRead, StandbySource } from '../source/standby-source.ts';
import { Strand } from './strand.ts';
import { TopicPass } from './topic-pass.ts';
import { TopicScout } from './topic-scout.ts';

export interface TopicSourceOptions {
  readonly topic: SharedTopic;
  readonly clock: Clock;
  /** Where it begins with a place that contains nothing, what lanes lack before their oldest message is not missed. */
  readonly isAnyBeginningRight: boolean;
  /** When it was begun so, epoch ms: what was gone by then is before the oldest messages also while a place has not come to that time. */
  readonly beganOldestMs?: number | undefined;
  /** A message that is none of ours: it is passed over. */
  readonly onForeign: (read: Extract<TopicRead, { kind: 'foreign' }>) => void;
}

interface Begin {
  readonly place: Place;
  readonly startMs: number;
  readonly frontier: Frontier;
  /** Lanes that are far from the others in their partition. */
  readonly apart: ReadonlyMap<string, MessagePlace>;
}

interface MessagePlace {
  readonly partition: number;
  readonly offset: number;
}

const LIMITS = {
  /** Read ahead over all partitions. */
  aheadBytesMax: 32 * 1_048_576,
  partitionAheadBytesMin: 1_048_576,
  /** New partitions are looked for so often. */
  refreshMs: 30_000,
  /** Where all that is older was read, all is as good as read. */
  headMs: 3_000,
} as const;

/**
 * The lanes of all proxies that share a topic, as one stream by receive time. No lane is waited for that has ended, or of which
 * nothing comes any more. What comes of such a lane after all is left out until it has caught up; then everything since
 * its first late record is given again, with it in its order.
 *
 * Where to begin is found by time: no offsets are kept, and no group is needed. What is missing of a lane is believed to be
 * so when all messages were read that are as new as the last record before it.
 */
export class TopicSource implements StandbySource {
  readonly #options: TopicSourceOptions;
  #pass: TopicPass | undefined;
  /** By the place that it began with; undefined before that. */
  #isAnyBeginningRight: boolean | undefined;
  #memory = new Map<string, LaneMemory>();
  #refreshedMs = 0;
  readonly #seen = new SeenLanes();
  readonly #scout: TopicScout;
  /** Told by what was read, and isn't given yet. */
  #forks: Fork[] = [];

  constructor(options: TopicSourceOptions) {
    this.#options = options;
    this.#scout = new TopicScout({ ...options, seen: this.#seen });
  }

  get lanes(): ReadonlyMap<string, SeenLane> {
    return this.#seen.all;
  }

  isPrimary(origin: string): boolean {
    return this.#seen.isPrimary(origin);
  }

  get unread(): number {
    const pass = this.#pass;
    if (pass === undefined) return 0;
    const shared = pass.strands.filter(({ lane }) => lane === undefined);
    return shared.reduce((sum, { unread }) => sum + unread, pass.queuedRecords);
  }

  get heldSinceMs(): number | undefined {
    const pass = this.#pass;
    if (pass === undefined) return undefined;
    // What a partition has isn't known before its first answer.
    const isKnown = pass.strands.every(({ isAsked }) => isAsked);
    const ms = Math.min(pass.waitingSinceMs, isKnown ? Infinity : pass.frontier.ms);
    return Number.isFinite(ms) ? ms : undefined;
  }

  completeToMs(nowMs: number): number {
    const pass = this.#pass;
    // What isn't read yet may be of a lane that nobody waits for.
    if (pass === undefined || !pass.strands.every((strand) => this.#isAtHead(strand))) {
      return -Infinity;
    }
    // What came since a partition was seen to be at its end isn't known.
    const seenMs = Math.min(...pass.strands.map(({ reads }) => reads.emptyAtMs ?? Infinity));
    const unseenMs = Math.max(0, this.#options.clock.monotonicMs() - seenMs);
    return Math.min(pass.completeToMs, nowMs - unseenMs - SILENT_MS);
  }

  async seek(place: Place): Promise<void> {
    const { isAnyBeginningRight, beganOldestMs } = this.#options;
    const { latestMs } = place;
    this.#isAnyBeginningRight ??=
      beganOldestMs === undefined
        ? isAnyBeginningRight && latestMs === null
        : (latestMs ?? -Infinity) <= beganOldestMs;
    const frontier = frontierOf(place);
    const apart = apartIn(this.#pass);
    this.#remember([]);
    await this.#begin({ place, startMs: frontier.ms, frontier, apart });
  }

  /** Throws KAFKA_UNREACHABLE, STANDBY_OVERTAKEN. */
  async next(): Promise<SourceRead | undefined> {
    for (;;) {
      const pass = this.#pass;
      if (pass === undefined) return undefined;
      const fork = this.#forks.shift();
      if (fork !== undefined) return { kind: 'fork', fork };
      await this.#refresh(pass);
      const read = pass.next();
      if (read === undefined) {
        this.#assertReadable(pass);
        return undefined;
      }
      switch (read.kind) {
        case 'frame':
        case 'hole':
          return read;
        case 'rewind':
          await this.#rewind(pass, read.startMs);
          break;
        case 'late':
          return this.#again(pass, read.lanes);
        case 'lost':
          throw overtaken(read);
      }
    }
  }

  /** Throws KAFKA_UNREACHABLE. */
  async forksAhead(signal: AbortSignal): Promise<readonly Fork[]> {
    const pass = this.#pass;
    if (pass === undefined) return [];
    this.#assertReadable(pass);
    const shared = pass.strands.filter(({ lane }) => lane === undefined);
    const isAtHead = shared.every((strand) => this.#isAtHead(strand));
    const taken = new Map(shared.map(({ partition, reads }) => [partition, reads.position]));
    const ahead = isAtHead ? [] : await this.#scout.look(taken, signal);
    return [...this.#forks.splice(0), ...ahead];
  }

  /** Whether all that was sent until a moment ago was read there. */
  #isAtHead({ isAtEnd, reachedMs }: Strand): boolean {
    return isAtEnd || reachedMs >= this.#options.clock.now() - LIMITS.headMs;
  }

  /** Throws KAFKA_UNREACHABLE. */
  async isSaidBy(fork: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    return this.#scout.isSaidBy(fork, byMs, signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#end(), this.#scout.close()]);
  }

  async #end(): Promise<void> {
    const pass = this.#pass;
    this.#pass = undefined;
    await Promise.all((pass?.strands ?? []).map(({ reads }) => reads.close()));
  }

  /** Reads from an earlier message on, to give what was not given. */
  async #rewind(pass: TopicPass, startMs: number): Promise<void> {
    const place = pass.given;
    this.#remember([]);
    await this.#begin({ place, startMs, frontier: pass.frontier, apart: apartIn(pass) });
  }

  async #again(pass: TopicPass, lanes: readonly LaneQueue[]): Promise<SourceRead> {
    const lates = lanes.flatMap(({ lane, late }) => (late === undefined ? [] : { lane, ...late }));
    const from = lates
      .map(({ lane, sinceMs: ms }): Frontier => ({ ms, lane }))
      .reduce((first, one) => (isEarlier(one, first) ? one : first));
    const names = lates.map(({ lane }) => lane);
    const apart = apartIn(pass);
    for (const late of lates) {
      const known = apart.get(late.lane);
      const isKnown = known?.partition === late.partition && known.offset <= late.offset;
      if (!isKnown) apart.set(late.lane, late);
    }
    const place = placeBefore(pass.given, from);
    const known = new Map(this.#memory);
    this.#remember(names);
    try {
      const frontier = frontierOf(place);
      await this.#begin({ place, startMs: from.ms, frontier, apart });
    } catch (error) {
      this.#memory = known;
      throw error;
    }
    const reason = `lane ${names.join(', ')} came late: everything received since ${formatInstant(from.ms)} is applied in its order`;
    return { kind: 'again', place, reason };
  }

  async #begin({ place, startMs, frontier, apart }: Begin): Promise<void> {
    const { topic, clock, onForeign } = this.#options;
    const ranges = await topic.ranges();
    const offsets =
      startMs === -Infinity
        ? new Map<number, number>()
        : await topic.offsetsAt(Math.max(0, startMs - CLOCK_MS_MAX));
    await this.#end();
    const strands = [...ranges].map(([partition, { low }]) =>
      this.#strandOf(partition, Math.max(low, offsets.get(partition) ?? low), low, ranges.size),
    );
    for (const [lane, { partition, offset }] of apart) {
      const reads = topic.read(partition, offset, LIMITS.partitionAheadBytesMin);
      strands.push(new Strand({ partition, reads, lane, isCut: false }));
    }
    this.#refreshedMs = clock.monotonicMs();
    this.#pass = new TopicPass({
      clock,
      place,
      startMs,
      frontier,
      strands,
      lanes: this.#memory,
      isAnyBeginningRight: this.#isAnyBeginningRight === true,
      seen: this.#seen,
      onForeign,
      onForks: (forks) => this.#forks.push(...forks),
    });
  }

  #strandOf(partition: number, offset: number, low: number, partitions: number): Strand {
    const { aheadBytesMax, partitionAheadBytesMin } = LIMITS;
    const bytesMax = Math.max(partitionAheadBytesMin, Math.floor(aheadBytesMax / partitions));
    const reads = this.#options.topic.read(partition, offset, bytesMax);
    return new Strand({ partition, reads, isCut: low > 0 && offset <= low });
  }

  /** The topic may be given more partitions at any time. */
  async #refresh(pass: TopicPass): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#refreshedMs < LIMITS.refreshMs) return;
    this.#refreshedMs = nowMs;
    const ranges = await this.#options.topic.ranges();
    for (const [partition, { low }] of ranges) {
      if (pass.strands.some((strand) => strand.isOf(partition))) continue;
      pass.addStrand(this.#strandOf(partition, low, low, ranges.size));
    }
  }

  /** What the passes so far have shown of the lanes; these are no longer held back. */
  #remember(released: readonly string[]): void {
    for (const { lane, seq, late } of this.#pass?.lanes ?? []) {
      const { highSeq = 0, wasLate = false } = this.#memory.get(lane) ?? {};
      const isReleased = released.includes(lane);
      this.#memory.set(lane, {
        highSeq: Math.max(highSeq, seq),
        late: isReleased ? undefined : late,
        wasLate: wasLate || isReleased,
      });
    }
  }

  #assertReadable(pass: TopicPass): void {
    for (const { partition, reads } of pass.strands) {
      if (reads.hindrance === undefined) continue;
      throw new WalError('KAFKA_UNREACHABLE', `partition ${partition}: ${reads.hindrance}`);
    }
  }
}

/** Where lanes are read that are still far from the others in their partition. */
function apartIn(pass: TopicPass | undefined): Map<string, MessagePlace> {
  const apart = new Map<string, MessagePlace>();
  for (const { lane, partition, fromOffset: offset } of pass?.strands ?? []) {
    if (lane !== undefined) apart.set(lane, { partition, offset });
  }
  return apart;
}

function overtaken({ lane, seq, atMs }: Extract<PassRead, { kind: 'lost' }>): WalError {
  const at = Number.isFinite(atMs) ? ` of ${formatInstant(atMs)}` : '';
  return new WalError(
    'STANDBY_OVERTAKEN',
    `the topic no longer has what follows ${lane}/${seq}${at}: retention took it`,
    {
      hint: 'Restore the target from the repository, and begin there with another --state. A longer retention of the topic keeps it from happening again.',
    },
  );
}
