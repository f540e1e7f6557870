import { randomBytes } from 'node:crypto';
import type { Hole } from '../../record/control.ts';
import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { assert } from '../../runtime/errors.ts';
import { type FrameRead, offsetOf } from '../../wal/log-reader.ts';
import { commitSegment } from './commit-segment.ts';
import type { Duckdb } from '../duckdb.ts';
import { LaneArchive } from './lane-archive.ts';
import { formatHoleName } from '../format/object-names.ts';
import type { Persistence } from '../persistence.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import { SegmentBuilder, sidecarOf } from './segment-builder.ts';
import { UnreadableBody } from './segment-rows.ts';
import { formatHoleMarker, type Sidecar } from '../format/sidecar.ts';

/** What the archiving of every lane of a log has in common. */
export interface LaneArchiverOptions {
  readonly repository: Repository;
  readonly duckdb: Duckdb;
  /** For segments that are being made. */
  readonly folder: string;
  readonly clock: Clock;
  readonly version: string;
  readonly persistence: Persistence;
  /** A segment is committed, by this archiver or another; `position` is its last record. */
  readonly onArchived: (position: Position, sidecar: Sidecar) => void;
  /** Records that can't be archived; told each time they are met. */
  readonly onHole: (hole: Hole) => void;
}

/**
 * Brings one lane to the repository, from whatever log its records come: it is given frames in order, passes over what
 * the repository has, and makes segments of the rest. Each ends with a cut record, with the lane, before a hole, or before what is there already.
 *
 * What storage refuses is tried again until the signal aborts; then the segment that is being made is dropped, and the caller left.
 */
export class LaneArchiver {
  readonly #options: LaneArchiverOptions;
  readonly #lane: string;
  readonly #ordinal: number;
  #archive: LaneArchive;
  #seq: number;
  #builder: SegmentBuilder | undefined;

  /** `place`: all up to there needs no work. */
  constructor(options: LaneArchiverOptions, archive: LaneArchive, place: Position) {
    this.#options = options;
    this.#archive = archive;
    this.#lane = place.lane;
    this.#ordinal = place.ordinal;
    this.#seq = place.seq;
  }

  /** The last record that needs no more work, or is in the segment that is being made. */
  get seq(): number {
    return this.#seq;
  }

  /** The last record that needs no more work. */
  get settledSeq(): number {
    return this.#builder === undefined ? this.#seq : this.#builder.facts.firstSeq - 1;
  }

  get isBuilding(): boolean {
    return this.#builder !== undefined;
  }

  /** Whether the repository lacks records after which this archiver has gone on. */
  lacks({ firstSeq, lastSeq }: Pick<LaneFrame, 'firstSeq' | 'lastSeq'>): boolean {
    const first = Math.max(firstSeq, this.#archive.begin.firstSeq);
    return this.#archive.gaps(first, Math.min(lastSeq, this.settledSeq)).length > 0;
  }

  /** Over what the repository has already. */
  pass(): void {
    if (this.#builder === undefined) this.#seq = this.#archive.lastCovered(this.#seq);
  }

  /** Takes the records of a frame after `seq`; the first of them is not after the next one. */
  async take(frame: LaneFrame, signal: AbortSignal): Promise<void> {
    const { body, lastSeq } = frame;
    for (;;) {
      this.pass();
      const seq = this.#seq;
      if (seq >= lastSeq || signal.aborted) return;
      assert(frame.firstSeq <= seq + 1, 'no record of a lane is passed over');
      const through = Math.min(lastSeq, this.#archive.nextCovered(seq) - 1);
      this.#builder ??= this.#newBuilder(seq + 1);
      try {
        await this.#builder.add(body, offsetOf(frame, seq + 1), through);
      } catch (error) {
        if (!(error instanceof UnreadableBody)) throw error;
        await this.commit(signal);
        await this.passHole({ from: seq + 1, to: through, reason: error.message }, signal);
        continue;
      }
      const { facts } = this.#builder;
      this.#seq = facts.lastSeq;
      const isBeforeNext = this.#archive.nextCovered(facts.lastSeq) === facts.lastSeq + 1;
      if (facts.isEnd || isBeforeNext) await this.commit(signal);
    }
  }

  /**
   * The segment that is being made ends here. When it can't be, it stays the one that is being made, so that nothing of it
   * counts as settled; the archiver is then of no more use, but to be discarded.
   */
  async commit(signal: AbortSignal): Promise<void> {
    const builder = this.#builder;
    if (builder === undefined) return;
    if (builder.facts.records > 0) await this.#finish(builder, signal);
    this.#builder = undefined;
    await builder.discard();
  }

  /** Goes on after records that can't be had: no segment is being made. */
  async passHole(range: Omit<Hole, 'lane'>, signal: AbortSignal): Promise<void> {
    assert(this.#builder === undefined, 'a segment ends before a hole');
    this.#archive = (await noteHole(this.#options, this.#holeOf(range), signal)) ?? this.#archive;
    this.#seq = Math.max(this.#seq, range.to);
  }

  /** Drops the segment that is being made. */
  async discard(): Promise<void> {
    await this.#builder?.discard();
  }

  async #finish(builder: SegmentBuilder, signal: AbortSignal): Promise<void> {
    const { repository, clock, version, persistence, onArchived } = this.#options;
    const built = await builder.finish();
    const { facts } = built;
    const fromMs = this.#archive.fromMs(facts.firstSeq);
    assert(fromMs <= facts.lastMs, 'a segment ends no sooner than it begins');
    const sidecar = sidecarOf(built, {
      lane: this.#lane,
      ordinal: this.#ordinal,
      fromMs,
      random: randomBytes(4).toString('hex'),
      createdAt: clock.now(),
      writer: `tsdb-wal ${version}`,
    });
    const commit = { sidecar, path: built.data?.path };
    const committed = await persistence.attempt(() => commitSegment(repository, commit), signal);
    if (committed === undefined) throw signal.reason;
    this.#archive.add(sidecar);
    onArchived({ lane: this.#lane, ordinal: this.#ordinal, seq: facts.lastSeq }, committed);
    persistence.well();
  }

  #holeOf(range: Omit<Hole, 'lane'>): Hole {
    return { lane: this.#lane, ...range };
  }

  #newBuilder(firstSeq: number): SegmentBuilder {
    const { duckdb, folder } = this.#options;
    return new SegmentBuilder({ duckdb, folder, lane: this.#lane, firstSeq });
  }
}

type LaneFrame = Pick<FrameRead, 'firstSeq' | 'lastSeq' | 'body'>;

/**
 * What the repository has of a lane; undefined when it doesn't know it. `sinceMs`: of segments that end earlier, only some are known.
 */
export function readLaneArchive(
  { repository, persistence }: Pick<LaneArchiverOptions, 'repository' | 'persistence'>,
  lane: string,
  sinceMs: number,
): Promise<LaneArchive | undefined> {
  const read = async (): Promise<LaneArchive | undefined> => {
    await assertInPlace(repository);
    return LaneArchive.read(repository.store, lane, sinceMs);
  };
  return persistence.timely(read());
}

/**
 * Tells of records that can't be archived, and writes it down where the repository lacks them. Returns what it has of the lane;
 * undefined when it doesn't know it: the lane after it names it then, so that it is missing as a whole.
 */
export async function noteHole(
  options: LaneArchiverOptions,
  hole: Hole,
  signal: AbortSignal,
): Promise<LaneArchive | undefined> {
  const { onHole, persistence, repository, clock } = options;
  const archive = await readLaneArchive(options, hole.lane, 0);
  if (archive === undefined) {
    onHole(hole);
    return undefined;
  }
  const { lane, reason } = hole;
  for (const gap of archive.gaps(Math.max(hole.from, archive.begin.firstSeq), hole.to)) {
    const { firstSeq, lastSeq } = gap;
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
  return archive;
}
