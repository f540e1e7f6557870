import type { TopicFrame } from '../../record/topic-read.ts';
import { WalError } from '../../runtime/errors.ts';
import { LaneArchiver, type LaneArchiverOptions, readLaneArchive } from '../write/lane-archiver.ts';
import type { LaneClosures } from '../holdings/lane-closures.ts';
import type { TopicRegistration } from './topic-registration.ts';
import type { TopicMember } from './topic-member.ts';

export interface TopicPartitionOptions extends LaneArchiverOptions {
  readonly source: TopicMember;
  readonly registration: TopicRegistration;
}

export interface PartitionStart {
  readonly partition: number;
  readonly offset: number;
  /** Nothing older is there. */
  readonly isWhole: boolean;
}

/** A lane that some of is to be archived yet, or was a moment ago. */
interface LaneWork {
  readonly archiver: LaneArchiver;
  /** Of the message in which the segment that is being made begins; after that there is nothing to read again. */
  offset: number;
  quietSinceMs: number;
  /** Where the partition ended when the lane's end was first known: what there is of the lane is before that. */
  until: number | undefined;
}

/** A lane ticks once a second: where it ends is asked when it has had nothing for so long. */
const QUIET_MS = 5_000;
const NOT_SENT = 'not in the topic';

/**
 * Brings one partition of a topic to the repository: several lanes, interleaved, each at its own cut marks.
 *
 * A lane that is not known is registered when its first frame is read, before anything that comes later. What seems to be missing
 * of a lane is looked for in the whole partition, from its oldest message on, before it is called a hole; so it does not
 * matter where reading began.
 */
export class TopicPartition {
  readonly #options: TopicPartitionOptions;
  readonly #partition: number;
  readonly #lanes = new Map<string, LaneWork>();
  #position: number;
  /** All that the topic has of the partition before `#position` was read. */
  #isWhole: boolean;

  constructor(options: TopicPartitionOptions, { partition, offset, isWhole }: PartitionStart) {
    this.#options = options;
    this.#partition = partition;
    this.#position = offset;
    this.#isWhole = isWhole;
  }

  /** The offset of the next message. */
  get position(): number {
    return this.#position;
  }

  /** What is before it is archived, or needs not be. */
  get settledOffset(): number {
    const open = [...this.#lanes.values()].filter(({ archiver }) => archiver.isBuilding);
    return Math.min(this.#position, ...open.map(({ offset }) => offset));
  }

  /** Whether some lane has had nothing for a while. */
  get isQuiet(): boolean {
    return [...this.#lanes.values()].some((work) => this.#isQuiet(work));
  }

  has(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  async take(frame: TopicFrame, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const work = (await this.#workOf(frame)) ?? (await this.#enter(frame, signal));
    if (work === undefined) return;
    const { archiver } = work;
    archiver.pass();
    if (frame.firstSeq > archiver.seq + 1) {
      if (!this.#isWhole) return this.#rewind();
      await this.#passHole(work, frame.firstSeq - 1, signal);
    }
    await archiver.take(frame, signal);
    if (archiver.settledSeq + 1 >= frame.firstSeq) work.offset = frame.offset;
    work.quietSinceMs = clock.monotonicMs();
    work.until = undefined;
    if (!signal.aborted) this.#position = frame.offset + 1;
  }

  /** A message that is none of ours. */
  pass(offset: number): void {
    this.#position = offset + 1;
  }

  /** Goes on with the oldest message that there still is. */
  lost(to: number): void {
    this.#position = to;
    this.#isWhole = true;
  }

  /** Archives the rest of lanes that have ended, and tells what never came of them. Call now and then. */
  async lookAtEnds(closures: LaneClosures, signal: AbortSignal): Promise<void> {
    for (const [lane, work] of this.#lanes) {
      if (!this.#isQuiet(work)) continue;
      const { archiver } = work;
      const end = await closures.of(lane);
      if (end === undefined) continue;
      if (end.kind === 'retired' || end.lastSeq <= archiver.seq) {
        if (await this.#isBehind(work)) continue;
        await archiver.commit(signal);
        this.#lanes.delete(lane);
      } else if (end.hasRecords) {
        // Those were sent after all that there is of this lane.
        if (await this.#isBehind(work)) continue;
        if (!this.#isWhole) return this.#rewind();
        await this.#passHole(work, end.lastSeq, signal);
        this.#lanes.delete(lane);
      }
    }
  }

  /** Takes up a lane that has ended, and of which the repository lacks the end. */
  async adopt(lane: string): Promise<void> {
    const { clock } = this.#options;
    const archive = await readLaneArchive(this.#options, lane, 0);
    if (archive === undefined || this.#lanes.has(lane)) return;
    const { ordinal } = archive.begin;
    const seq = archive.settledBefore(Infinity);
    const archiver = new LaneArchiver(this.#options, archive, { lane, ordinal, seq });
    const quietSinceMs = clock.monotonicMs() - QUIET_MS;
    this.#lanes.set(lane, { archiver, offset: this.#position, quietSinceMs, until: undefined });
  }

  /** From what is settled on, again: something failed. */
  async restart(): Promise<void> {
    const { source } = this.#options;
    const offset = this.settledOffset;
    await this.discard();
    this.#position = offset;
    source.begin(this.#partition, offset);
  }

  /** Drops what is being made. */
  async discard(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    for (const { archiver } of lanes) await archiver.discard();
  }

  /** Undefined when the lane is to be entered, at this frame. */
  async #workOf(frame: TopicFrame): Promise<LaneWork | undefined> {
    const work = this.#lanes.get(frame.lane);
    if (work?.archiver.lacks(frame) !== true) return work;
    // The topic was filled again: from here on it has everything once more.
    this.#lanes.delete(frame.lane);
    await work.archiver.discard();
    return undefined;
  }

  /** Learns what the repository has of the lane. Undefined when the partition is read from its beginning first. */
  async #enter(frame: TopicFrame, signal: AbortSignal): Promise<LaneWork | undefined> {
    const { registration, clock } = this.#options;
    const { lane, ordinal, firstSeq, offset } = frame;
    let archive = await readLaneArchive(this.#options, lane, 0);
    if (archive === undefined) {
      if (firstSeq > 1 && !this.#isWhole) {
        await this.#rewind();
        return undefined;
      }
      await registration.register(frame, signal);
      archive = await readLaneArchive(this.#options, lane, 0);
    }
    if (archive === undefined) {
      throw new WalError('REPOSITORY_UNUSABLE', `the begin of lane ${lane} is gone again`);
    }
    const seq = archive.settledBefore(firstSeq);
    const archiver = new LaneArchiver(this.#options, archive, { lane, ordinal, seq });
    const work = { archiver, offset, quietSinceMs: clock.monotonicMs(), until: undefined };
    this.#lanes.set(lane, work);
    return work;
  }

  async #rewind(): Promise<void> {
    const { source } = this.#options;
    const { low } = await source.range(this.#partition);
    await this.discard();
    this.#position = low;
    this.#isWhole = true;
    source.begin(this.#partition, low);
  }

  async #passHole({ archiver }: LaneWork, to: number, signal: AbortSignal): Promise<void> {
    await archiver.commit(signal);
    archiver.pass();
    if (archiver.seq >= to) return;
    await archiver.passHole({ from: archiver.seq + 1, to, reason: NOT_SENT }, signal);
  }

  /** Whether something of a lane whose end is known may be to be read yet. Other lanes of the partition may go on meanwhile. */
  async #isBehind(work: LaneWork): Promise<boolean> {
    work.until ??= (await this.#options.source.range(this.#partition)).high;
    return this.#position < work.until;
  }

  #isQuiet({ quietSinceMs }: LaneWork): boolean {
    return this.#options.clock.monotonicMs() - quietSinceMs >= QUIET_MS;
  }
}
