import type { Hole } from '../record/control.ts';
import { offsetOf } from '../wal/log-reader.ts';
import type { PublishedLog } from '../wal/published-log.ts';
import type { Catalog } from './catalog.ts';
import type { Duckdb } from './duckdb.ts';
import { LaneArchive } from './lane-archive.ts';
import { isGone, type LaneTail, type LogTail } from './log-tail.ts';
import { formatSidecarName, type SegmentName } from './object-names.ts';
import type { LocalSegment, LocalSegments } from './searched-segments.ts';
import { SegmentBuilder, sidecarOf } from './segment-builder.ts';
import type { SegmentFacts } from './segment-facts.ts';
import { UnreadableBody } from './segment-rows.ts';
import type { HoleMarker } from './sidecar.ts';
import { type TailRead, walkTail } from './tail-walk.ts';
import { type LaneAddition, restOf, withAdditions } from './with-tail.ts';

export interface TailBuilderOptions {
  readonly catalog: Catalog;
  readonly tail: LogTail;
  readonly duckdb: Duckdb;
  /** For the files; it is there. */
  readonly folder: string;
  /** Whether the rows of a segment are needed; otherwise only what its sidecar says is kept. */
  readonly isWanted: (facts: Readonly<SegmentFacts>) => boolean;
  /** Bytes of the log that were read since the last call. */
  readonly onRead: (bytes: number) => void;
  /** Epoch ms. */
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface BuiltTail {
  /** With the segments of `local` among its objects. */
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  /** Some file went meanwhile, as one that was archived: look again. */
  readonly isMoved: boolean;
}

/** Makes segments of what only the log has, as the archiver would. */
export async function buildTail(options: TailBuilderOptions): Promise<BuiltTail> {
  const { catalog, tail, now } = options;
  const local = new Map<string, LocalSegment>();
  const additions: LaneAddition[] = [];
  let isMoved = false;
  for (const lane of tail.lanes) {
    const builder = new LaneBuilder(options, lane, local);
    additions.push(await builder.run());
    isMoved ||= builder.isMoved;
  }
  return { catalog: withAdditions(catalog, additions, restOf(catalog, tail, now)), local, isMoved };
}

class LaneBuilder {
  readonly #options: TailBuilderOptions;
  readonly #log: PublishedLog;
  readonly #lane: LaneTail;
  readonly #local: Map<string, LocalSegment>;
  readonly #archive: LaneArchive;
  readonly #objects: SegmentName[] = [];
  readonly #holes: HoleMarker[];
  #builder: SegmentBuilder | undefined;
  #isMoved = false;

  constructor(options: TailBuilderOptions, lane: LaneTail, local: Map<string, LocalSegment>) {
    this.#options = options;
    this.#log = options.tail.log;
    this.#lane = lane;
    this.#local = local;
    const { objects = [], holes = [] } = options.catalog.lanes.get(lane.begin.lane) ?? {};
    this.#archive = new LaneArchive(lane.begin, objects, holes);
    this.#holes = [...lane.holes];
  }

  get isMoved(): boolean {
    return this.#isMoved;
  }

  async run(): Promise<LaneAddition> {
    const { begin, runs } = this.#lane;
    try {
      // A lane of which the repository has everything is not looked into.
      if (runs.length > 0) {
        for await (const read of walkTail(this.#log, this.#archive)) await this.#take(read);
        await this.#finish();
      }
    } finally {
      await this.#builder?.discard();
    }
    return { begin, objects: this.#objects, holes: this.#holes };
  }

  async #take(read: TailRead): Promise<void> {
    this.#options.signal.throwIfAborted();
    if (read.kind === 'hole') {
      await this.#finish();
      await this.#pass(read.hole);
      return;
    }
    const { frame, firstSeq, lastSeq } = read;
    const { lane } = this.#lane.begin;
    const expected = this.#builder === undefined ? firstSeq : this.#builder.facts.lastSeq + 1;
    if (expected !== firstSeq) await this.#finish();
    let at = offsetOf(frame, firstSeq);
    const start = at;
    for (let seq = firstSeq; seq <= lastSeq;) {
      this.#builder ??= this.#newBuilder(seq);
      try {
        at = await this.#builder.add(frame.body, at, lastSeq);
      } catch (error) {
        if (!(error instanceof UnreadableBody)) throw error;
        await this.#finish();
        await this.#pass({ lane, from: seq, to: lastSeq, reason: error.message });
        break;
      }
      const { facts } = this.#builder;
      seq = facts.lastSeq + 1;
      if (facts.isEnd) await this.#finish();
    }
    this.#options.onRead(at - start);
  }

  #newBuilder(firstSeq: number): SegmentBuilder {
    const { duckdb, folder } = this.#options;
    return new SegmentBuilder({ duckdb, folder, lane: this.#lane.begin.lane, firstSeq });
  }

  async #finish(): Promise<void> {
    const builder = this.#builder;
    if (builder === undefined) return;
    const { facts } = builder;
    const isWanted = facts.records > 0 && this.#options.isWanted(facts);
    const built = isWanted ? await builder.finish() : { facts: { ...facts }, data: null };
    this.#builder = undefined;
    if (built.data === null) await builder.discard();
    if (facts.records === 0) return;
    const { lane, ordinal } = this.#lane.begin;
    const fromMs = this.#archive.fromMs(facts.firstSeq);
    const writer = { random: '00000000', createdAt: this.#options.now, writer: 'from the log' };
    const sidecar = sidecarOf(built, { lane, ordinal, fromMs, ...writer });
    this.#archive.add(sidecar);
    this.#objects.push(sidecar);
    this.#local.set(formatSidecarName(sidecar), { sidecar, path: built.data?.path });
  }

  async #pass(hole: Hole): Promise<void> {
    const { lane, from: firstSeq, to: lastSeq, reason } = hole;
    const fromMs = this.#archive.fromMs(firstSeq);
    this.#holes.push({ lane, firstSeq, lastSeq, fromMs, toMs: null, reason, notedAt: fromMs });
    this.#isMoved ||= await isGone(this.#log.segments, hole);
  }
}
