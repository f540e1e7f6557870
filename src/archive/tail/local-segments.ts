import type { Hole } from '../../record/control.ts';
import { offsetOf } from '../../wal/log-reader.ts';
import type { Catalog } from '../holdings/catalog.ts';
import type { Duckdb } from '../duckdb.ts';
import { LaneArchive } from '../write/lane-archive.ts';
import type { LaneTail } from './log-tail.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import type { LocalSegment } from '../search/searched-segments.ts';
import { SegmentBuilder, sidecarOf } from '../write/segment-builder.ts';
import type { SegmentFacts } from '../write/segment-facts.ts';
import { UnreadableBody } from '../write/segment-rows.ts';
import type { SequenceRange } from '../../record/sequence-set.ts';
import type { HoleMarker } from '../format/sidecar.ts';
import type { LaneAddition } from './with-tail.ts';

export interface LocalSegmentOptions {
  /** What the repository holds. */
  readonly catalog: Catalog;
  /** What is made is added. */
  readonly local: Map<string, LocalSegment>;
  readonly duckdb: Duckdb;
  /** For the files; it is there. */
  readonly folder: string;
  /** Whether the rows of a segment are needed; otherwise only what its sidecar says is kept. */
  readonly isWanted: (facts: Readonly<SegmentFacts>) => boolean;
  /** Epoch ms. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Makes segments of records of one lane that no repository has, as its archiver would. They are files beside it. */
export class LaneSegments {
  readonly #options: LocalSegmentOptions;
  readonly #archive: LaneArchive;
  readonly #objects: SegmentName[] = [];
  readonly #holes: HoleMarker[];
  #builder: SegmentBuilder | undefined;

  /** `holes`: that are known already. */
  constructor(options: LocalSegmentOptions, { begin, holes }: Pick<LaneTail, 'begin' | 'holes'>) {
    const known = options.catalog.lanes.get(begin.lane);
    this.#options = options;
    this.#archive = new LaneArchive(begin, known?.objects ?? [], known?.holes ?? []);
    this.#holes = [...holes];
  }

  /** What the repository has of the lane, and what was made. */
  get archive(): LaneArchive {
    return this.#archive;
  }

  get addition(): LaneAddition {
    return { begin: this.#archive.begin, objects: this.#objects, holes: this.#holes };
  }

  get isOpen(): boolean {
    return this.#builder !== undefined;
  }

  /** Of a frame the records of a range: none of them was taken before. Returns how many bytes these are. */
  async take(
    frame: { readonly body: Buffer; readonly firstSeq: number },
    { firstSeq, lastSeq }: SequenceRange,
  ): Promise<number> {
    this.#options.signal.throwIfAborted();
    if (this.#builder !== undefined && this.#builder.facts.lastSeq + 1 !== firstSeq)
      await this.finish();
    let at = offsetOf(frame, firstSeq);
    const start = at;
    for (let seq = firstSeq; seq <= lastSeq;) {
      this.#builder ??= this.#newBuilder(seq);
      try {
        at = await this.#builder.add(frame.body, at, lastSeq);
      } catch (error) {
        if (!(error instanceof UnreadableBody)) throw error;
        const { lane } = this.#archive.begin;
        await this.pass({ lane, from: seq, to: lastSeq, reason: error.message });
        break;
      }
      const { facts } = this.#builder;
      seq = facts.lastSeq + 1;
      if (facts.isEnd) await this.finish();
    }
    return at - start;
  }

  /** These records can't be had. */
  async pass({ lane, from: firstSeq, to: lastSeq, reason }: Hole): Promise<void> {
    await this.finish();
    const fromMs = this.#archive.fromMs(firstSeq);
    this.#holes.push({ lane, firstSeq, lastSeq, fromMs, toMs: null, reason, notedAt: fromMs });
  }

  /** The segment that is being made ends here. */
  async finish(): Promise<void> {
    const builder = this.#builder;
    if (builder === undefined) return;
    const { facts } = builder;
    const isWanted = facts.records > 0 && this.#options.isWanted(facts);
    const built = isWanted ? await builder.finish() : { facts: { ...facts }, data: null };
    this.#builder = undefined;
    if (built.data === null) await builder.discard();
    if (facts.records === 0) return;
    const { lane, ordinal } = this.#archive.begin;
    const fromMs = this.#archive.fromMs(facts.firstSeq);
    const writer = { random: '00000000', createdAt: this.#options.now, writer: 'from the log' };
    const sidecar = sidecarOf(built, { lane, ordinal, fromMs, ...writer });
    this.#archive.add(sidecar);
    this.#objects.push(sidecar);
    this.#options.local.set(formatSidecarName(sidecar), { sidecar, path: built.data?.path });
  }

  /** Drops the segment that is being made. */
  async discard(): Promise<void> {
    await this.#builder?.discard();
  }

  #newBuilder(firstSeq: number): SegmentBuilder {
    const { duckdb, folder } = this.#options;
    return new SegmentBuilder({ duckdb, folder, lane: this.#archive.begin.lane, firstSeq });
  }
}
