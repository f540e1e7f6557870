import type { Hole } from '../../record/control.ts';
import { openOf } from '../../record/lane-control.ts';
import { comparePositions, type Position } from '../../record/position.ts';
import { assert, WalError } from '../../runtime/errors.ts';
import type { Cursor } from '../../wal/cursor.ts';
import type { Segment } from '../../wal/log-files.ts';
import type { FrameRead, LogReader } from '../../wal/log-reader.ts';
import type { PublishedLog } from '../../wal/published-log.ts';
import type { LaneArchive } from './lane-archive.ts';
import { LaneClosures } from '../holdings/lane-closures.ts';
import {
  LaneArchiver,
  type LaneArchiverOptions,
  noteHole,
  readLaneArchive,
} from './lane-archiver.ts';

export interface ArchiveWalkOptions extends LaneArchiverOptions {
  readonly log: PublishedLog;
  readonly reader: LogReader;
  readonly cursor: Cursor;
  /** The cursor has moved, durably. */
  readonly onPassed: (position: Position) => void;
  /** Registers the lanes of the log that the repository doesn't know; absent: another process does. */
  readonly register?: (segments: readonly Segment[]) => Promise<void>;
}

const POLL_MS = 1_000;
/** A lane is registered before it takes data, so one that isn't for so long is trouble. */
const REGISTRATION_MS_MAX = 10_000;
/** A record may have been received so long before the file was made that it is in. */
const FILE_MS_MAX = 86_400_000;
const GONE = 'no longer in the log';

/** One way through the log, from its oldest record on: what the repository has is passed over, the rest archived. */
export class ArchiveWalk {
  readonly #options: ArchiveWalkOptions;
  /** Where the walk is, but for what `#lane` has done since. */
  #place: Position | undefined;
  /** Of the lane that `#place` is in, once something of it is to be done. */
  #lane: LaneArchiver | undefined;
  /** The segment that is being made, if any, has records of one frame only. Where the log is written without a pause one begins as soon as another ends. */
  #hasJustBegun = false;
  #unregisteredSinceMs: number | undefined;

  constructor(options: ArchiveWalkOptions) {
    this.#options = options;
  }

  /**
   * Ends between two segments, once it has been at the end of the log, after so long and when the signal aborts. Throws when something
   * fails.
   */
  async run(forMs: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const endMs = clock.monotonicMs() + forMs;
    // A backlog is gone through once.
    let hasCaughtUp = false;
    try {
      while (!signal.aborted) {
        const hasMore = await this.#step(signal);
        hasCaughtUp ||= !hasMore;
        const isBetween = this.#lane?.isBuilding !== true || this.#hasJustBegun;
        if (hasCaughtUp && isBetween && clock.monotonicMs() >= endMs) return;
        if (hasMore) continue;
        await clock.sleep(POLL_MS, signal);
        await log.refresh();
      }
    } finally {
      await this.#lane?.discard();
    }
  }

  /** False when nothing can be done now. */
  async #step(signal: AbortSignal): Promise<boolean> {
    const { reader, log, persistence } = this.#options;
    const place = this.#place ?? oldest(log);
    if (place === undefined) return false;
    this.#place = place;
    const hasMore = comparePositions(place, log.durable) < 0;
    if (hasMore && this.#lane === undefined && !(await this.#enterLane(place, signal)))
      return false;
    this.#lane?.pass();
    const read = await reader.next(this.#here());
    if (read === undefined) {
      if (this.#isLaneOver()) await this.#lane?.commit(signal);
      await this.#moveCursor();
      persistence.well();
      return false;
    }
    if (read.kind === 'hole') {
      await this.#commit(signal);
      await this.#passHole(read.hole, signal);
      this.#go(read.to);
    } else if (read.lane === place.lane) await this.#takeFrame(read, signal);
    else {
      await this.#commit(signal);
      this.#go({ lane: read.lane, ordinal: read.ordinal, seq: read.firstSeq - 1 });
    }
    return true;
  }

  #go(to: Position): void {
    if (to.lane !== this.#place?.lane) this.#lane = undefined;
    this.#place = to;
  }

  /** Learns what the repository has of the lane; false when it doesn't know the lane yet. */
  async #enterLane(place: Position, signal: AbortSignal): Promise<boolean> {
    const { register, log, clock } = this.#options;
    let archive = await this.#readLane(place.lane);
    if (archive === undefined && register !== undefined) {
      await register(log.segments);
      archive = await this.#readLane(place.lane);
    }
    if (archive === undefined) {
      this.#unregisteredSinceMs ??= clock.monotonicMs();
      if (clock.monotonicMs() - this.#unregisteredSinceMs < REGISTRATION_MS_MAX) return false;
      throw new WalError('REPOSITORY_UNUSABLE', `lane ${place.lane} is not registered yet`);
    }
    this.#unregisteredSinceMs = undefined;
    const { firstSeq } = archive.begin;
    const before = Math.max(place.seq, firstSeq - 1);
    this.#lane = new LaneArchiver(this.#options, archive, { ...place, seq: before });
    const isGone = before >= firstSeq && archive.lastCovered(before - 1) < before;
    if (isGone) await this.#lane.passHole({ from: firstSeq, to: before, reason: GONE }, signal);
    return true;
  }

  #readLane(lane: string): Promise<LaneArchive | undefined> {
    const { log } = this.#options;
    const createdAt = log.segments.find((segment) => segment.lane === lane)?.createdAt ?? 0;
    return readLaneArchive(this.#options, lane, Math.max(0, createdAt - FILE_MS_MAX));
  }

  async #takeFrame(frame: FrameRead, signal: AbortSignal): Promise<void> {
    assert(this.#lane !== undefined, 'a lane is entered before anything of it is archived');
    const told = frame.firstSeq === 1 ? (openOf(frame.body)?.holes ?? []) : [];
    await this.#noteTold(
      told.filter(({ lane }) => lane !== frame.lane),
      signal,
    );
    const before = this.#lane.settledSeq;
    await this.#lane.take(frame, signal);
    this.#hasJustBegun = this.#lane.settledSeq >= frame.firstSeq - 1;
    if (this.#lane.settledSeq !== before) await this.#moveCursor();
  }

  /**
   * Of lanes that are gone from the log nothing else tells why the repository lacks the rest. Where only cursors told, a hole goes one
   * record after them: a later lane that names the end knows better.
   */
  async #noteTold(holes: readonly Hole[], signal: AbortSignal): Promise<void> {
    if (holes.length === 0) return;
    const { repository, persistence } = this.#options;
    const closures = new LaneClosures(repository, persistence);
    await closures.refresh();
    for (const hole of holes) {
      const end = await closures.of(hole.lane);
      const to = end?.kind === 'followed' ? Math.min(hole.to, end.lastSeq) : hole.to;
      if (hole.from <= to) await noteHole(this.#options, { ...hole, to }, signal);
    }
  }

  async #commit(signal: AbortSignal): Promise<void> {
    if (this.#lane?.isBuilding !== true) return;
    await this.#lane.commit(signal);
    await this.#moveCursor();
  }

  async #passHole({ lane, ...range }: Hole, signal: AbortSignal): Promise<void> {
    if (lane === this.#here().lane && this.#lane !== undefined)
      await this.#lane.passHole(range, signal);
    else await noteHole(this.#options, { lane, ...range }, signal);
  }

  /** Whether nothing of this lane can follow, since a later one is there. */
  #isLaneOver(): boolean {
    const { ordinal, seq } = this.#here();
    const { segments } = this.#options.log;
    const isLast = segments.every((one) => one.ordinal !== ordinal || one.lastSeq <= seq);
    return isLast && segments.some((one) => one.ordinal > ordinal);
  }

  /** Files of the log that it has passed may go. */
  async #moveCursor(): Promise<void> {
    const { cursor, onPassed } = this.#options;
    const place = this.#here();
    const seq = this.#lane?.settledSeq ?? place.seq;
    const { position } = cursor;
    if (position?.lane === place.lane && position.seq === seq) return;
    await cursor.move({ ...place, seq });
    onPassed({ ...place, seq });
  }

  #here(): Position {
    assert(this.#place !== undefined, 'the walk has begun');
    return { ...this.#place, seq: this.#lane?.seq ?? this.#place.seq };
  }
}

function oldest({ segments: [first] }: PublishedLog): Position | undefined {
  return first && { lane: first.lane, ordinal: first.ordinal, seq: first.firstSeq - 1 };
}
