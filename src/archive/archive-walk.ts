import { randomBytes } from 'node:crypto';
import type { Hole } from '../record/control.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { assert, WalError } from '../runtime/errors.ts';
import type { Cursor } from '../wal/cursor.ts';
import { type FrameRead, type LogReader, offsetOf } from '../wal/log-reader.ts';
import type { PublishedLog } from '../wal/published-log.ts';
import type { ArchiverOptions } from './archiver.ts';
import { commitSegment } from './commit-segment.ts';
import { LaneArchive } from './lane-archive.ts';
import { formatHoleName } from './object-names.ts';
import type { Persistence } from './persistence.ts';
import { assertInPlace } from './repository.ts';
import { SegmentBuilder, sidecarOf } from './segment-builder.ts';
import { UnreadableBody } from './segment-rows.ts';
import { formatHoleMarker } from './sidecar.ts';

export interface ArchiveWalkOptions extends ArchiverOptions {
  readonly log: PublishedLog;
  readonly reader: LogReader;
  readonly cursor: Cursor;
  readonly persistence: Persistence;
  readonly onHole: (hole: Hole) => void;
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
  /** The last record that needs no more work, or is in `#builder`. */
  #place: Position | undefined;
  /** Of the lane that `#place` is in, once something of it is to be done. */
  #lane: LaneArchive | undefined;
  #builder: SegmentBuilder | undefined;
  #unregisteredSinceMs: number | undefined;

  constructor(options: ArchiveWalkOptions) {
    this.#options = options;
  }

  /** Ends between two segments, after so long and when the signal aborts. Throws when something fails. */
  async run(forMs: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const endMs = clock.monotonicMs() + forMs;
    try {
      while (!signal.aborted) {
        if (await this.#step(signal)) continue;
        if (this.#builder === undefined && clock.monotonicMs() >= endMs) return;
        await clock.sleep(POLL_MS, signal);
        await log.refresh();
      }
    } finally {
      await this.#builder?.discard();
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
    this.#pass();
    const read = await reader.next(this.#place);
    if (read === undefined) {
      if (this.#isLaneOver()) await this.#commit(signal);
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
    let lane = await this.#readLane(place.lane);
    if (lane === undefined && register !== undefined) {
      await register(log.segments);
      lane = await this.#readLane(place.lane);
    }
    if (lane === undefined) {
      this.#unregisteredSinceMs ??= clock.monotonicMs();
      if (clock.monotonicMs() - this.#unregisteredSinceMs < REGISTRATION_MS_MAX) return false;
      throw new WalError('REPOSITORY_UNUSABLE', `lane ${place.lane} is not registered yet`);
    }
    this.#unregisteredSinceMs = undefined;
    this.#lane = lane;
    const before = Math.max(place.seq, lane.begin.firstSeq - 1);
    this.#place = { ...place, seq: before };
    const isGone = before >= lane.begin.firstSeq && lane.lastCovered(before - 1) < before;
    const gone = { lane: place.lane, from: lane.begin.firstSeq, to: before, reason: GONE };
    if (isGone) await this.#passHole(gone, signal);
    return true;
  }

  /** `whole`: also what is older than the log. */
  async #readLane(lane: string, whole = false): Promise<LaneArchive | undefined> {
    const { log, repository, persistence } = this.#options;
    const createdAt = log.segments.find((segment) => segment.lane === lane)?.createdAt ?? 0;
    const sinceMs = whole ? 0 : Math.max(0, createdAt - FILE_MS_MAX);
    const read = async (): Promise<LaneArchive | undefined> => {
      await assertInPlace(repository);
      return LaneArchive.read(repository.store, lane, sinceMs);
    };
    return persistence.timely(read());
  }

  /** Over what the repository has already. */
  #pass(): void {
    if (this.#place === undefined || this.#lane === undefined || this.#builder !== undefined)
      return;
    this.#place = { ...this.#place, seq: this.#lane.lastCovered(this.#place.seq) };
  }

  async #takeFrame(frame: FrameRead, signal: AbortSignal): Promise<void> {
    const { lane, ordinal, body, lastSeq } = frame;
    for (;;) {
      this.#pass();
      const { seq } = this.#here();
      if (seq >= lastSeq || signal.aborted) return;
      const through = Math.min(lastSeq, this.#archive().nextCovered(seq) - 1);
      this.#builder ??= this.#newBuilder(lane, seq + 1);
      try {
        await this.#builder.add(body, offsetOf(frame, seq + 1), through);
      } catch (error) {
        if (!(error instanceof UnreadableBody)) throw error;
        await this.#commit(signal);
        await this.#passHole({ lane, from: seq + 1, to: through, reason: error.message }, signal);
        this.#place = { lane, ordinal, seq: through };
        continue;
      }
      const { facts } = this.#builder;
      this.#place = { lane, ordinal, seq: facts.lastSeq };
      const isBeforeNext = this.#archive().nextCovered(facts.lastSeq) === facts.lastSeq + 1;
      if (facts.isEnd || isBeforeNext) await this.#commit(signal);
    }
  }

  #newBuilder(lane: string, firstSeq: number): SegmentBuilder {
    const { duckdb, folder } = this.#options;
    return new SegmentBuilder({ duckdb, folder, lane, firstSeq });
  }

  /** The segment that is being made ends here. When the signal aborts, it is dropped, and the caller is left. */
  async #commit(signal: AbortSignal): Promise<void> {
    const builder = this.#builder;
    this.#builder = undefined;
    if (builder === undefined) return;
    const { repository, clock, version, persistence, events } = this.#options;
    const { lane, ordinal } = this.#here();
    const { facts } = builder;
    try {
      if (facts.records === 0) return;
      const built = await builder.finish();
      const fromMs = this.#archive().fromMs(facts.firstSeq);
      assert(fromMs <= facts.lastMs, 'a segment ends no sooner than it begins');
      const sidecar = sidecarOf(built, {
        lane,
        ordinal,
        fromMs,
        random: randomBytes(4).toString('hex'),
        createdAt: clock.now(),
        writer: `tsdb-wal ${version}`,
      });
      const commit = { sidecar, path: built.data?.path };
      const committed = await persistence.attempt(() => commitSegment(repository, commit), signal);
      if (committed === undefined) throw signal.reason;
      this.#archive().add(sidecar);
      events.archived({ lane, ordinal, seq: facts.lastSeq }, committed);
    } finally {
      await builder.discard();
    }
    persistence.well();
    await this.#moveCursor();
  }

  /** Tells of records that can't be read, and writes it down where the repository lacks them. */
  async #passHole(hole: Hole, signal: AbortSignal): Promise<void> {
    const { onHole, persistence, repository, clock } = this.#options;
    const archive = await this.#readLane(hole.lane, true);
    if (archive === undefined) {
      // The lane behind it names it, so the repository knows that it is missing as a whole.
      onHole(hole);
      return;
    }
    if (hole.lane === this.#here().lane) this.#lane = archive;
    const first = Math.max(hole.from, archive.begin.firstSeq);
    for (const gap of archive.gaps(first, hole.to)) {
      const { firstSeq, lastSeq } = gap;
      const { lane, reason } = hole;
      const told = { fromMs: archive.fromMs(firstSeq), toMs: null, reason, notedAt: clock.now() };
      const marker = { lane, firstSeq, lastSeq, ...told };
      const write = async (): Promise<true> => {
        await assertInPlace(repository);
        const content = Buffer.from(formatHoleMarker(marker));
        await repository.store.create(formatHoleName(marker), content);
        return true;
      };
      if (!archive.isMarked(gap)) {
        if ((await persistence.attempt(write, signal)) === undefined) throw signal.reason;
      }
      onHole({ lane, from: firstSeq, to: lastSeq, reason });
    }
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
    const { cursor, events } = this.#options;
    const place = this.#here();
    const seq = this.#builder === undefined ? place.seq : this.#builder.facts.firstSeq - 1;
    const { position } = cursor;
    if (position?.lane === place.lane && position.seq === seq) return;
    await cursor.move({ ...place, seq });
    events.passed({ ...place, seq });
  }

  #here(): Position {
    assert(this.#place !== undefined, 'the walk has begun');
    return this.#place;
  }

  #archive(): LaneArchive {
    assert(this.#lane !== undefined, 'a lane is entered before anything of it is archived');
    return this.#lane;
  }
}

function oldest({ segments: [first] }: PublishedLog): Position | undefined {
  return first && { lane: first.lane, ordinal: first.ordinal, seq: first.firstSeq - 1 };
}
