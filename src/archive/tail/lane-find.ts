import type { LoggedFork } from '../../record/fork.ts';
import { forksIn, isClosed } from '../../record/lane-control.ts';
import type { TopicFrame } from '../../record/topic-read.ts';
import type { LaneHoldings } from '../holdings/coverage.ts';
import { LaneArchive } from '../write/lane-archive.ts';
import type { LaneTail, TailRun } from './log-tail.ts';
import { measureRecords } from '../merge/measure-records.ts';
import type { Span } from '../format/object-names.ts';
import { type SequenceRange, SequenceSet } from '../../record/sequence-set.ts';
import type { Begin, HoleMarker } from '../format/sidecar.ts';
import { openingOf, type TopicOpening } from '../topic/topic-opening.ts';

/** Records of one lane that came one after the other, and which nothing else has. */
interface Piece extends SequenceRange {
  readonly partition: number;
  /** Of the first message, and of the last. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly toMs: number;
  readonly points: number;
  readonly bytes: number;
}

export interface TopicLaneTail extends LaneTail {
  /** Its last record says that it stopped in order, and is in the topic. */
  readonly isClosed: boolean;
}

const ABSENT = 'not in the topic';
const NOT_SENT = `${ABSENT}, and not archived`;
const NOTHING: LaneHoldings = { begin: undefined, objects: [], holes: [] };

/** What a topic has of one lane beyond what is known of it, in whatever order it comes, and however often. */
export class LaneFind {
  readonly lane: string;
  readonly #topic: string;
  readonly #known: LaneHoldings | undefined;
  readonly #covered: SequenceSet;
  readonly #marked: SequenceSet;
  readonly #pieces: Piece[] = [];
  readonly #partitions = new Set<number>();
  readonly #forks: LoggedFork[] = [];
  /** How the first of its frames that was met begins. */
  #opening: TopicOpening | undefined;
  #openingLastSeq = 0;
  #toMs = 0;
  /** The record with which it stopped in order. */
  #closedSeq: number | undefined;

  constructor(lane: string, topic: string, known: LaneHoldings | undefined) {
    this.lane = lane;
    this.#topic = topic;
    this.#known = known;
    this.#covered = new SequenceSet(known?.objects);
    this.#marked = new SequenceSet(known?.holes);
  }

  /** Where some of it was met. */
  get partitions(): ReadonlySet<number> {
    return this.#partitions;
  }

  get isKnown(): boolean {
    return this.#known !== undefined;
  }

  get pieces(): readonly Piece[] {
    return this.#pieces;
  }

  /** The lane before, as the repository says, or its first record where that knows nothing of it; null when there is none. */
  get previous(): Begin['previous'] {
    const { begin } = this.#known ?? {};
    return begin === undefined ? (this.#opening?.previous ?? null) : begin.previous;
  }

  /** The last record that is anywhere; 0 when none is. */
  get lastSeq(): number {
    return this.#covered.ranges.at(-1)?.lastSeq ?? 0;
  }

  /** More of it is there than its first message, which is sent before what the lanes before it still lack. */
  get hasRecords(): boolean {
    const isArchived = (this.#known?.objects.length ?? 0) > 0;
    return isArchived || this.lastSeq > this.#openingLastSeq;
  }

  take(frame: TopicFrame): void {
    const { firstSeq, lastSeq, lastReceivedAt } = frame;
    this.#partitions.add(frame.partition);
    this.#forks.push(...forksIn(frame));
    this.#toMs = Math.max(this.#toMs, lastReceivedAt);
    if (this.#opening === undefined || firstSeq < this.#opening.begin.firstSeq) {
      this.#opening = openingOf(frame, this.#topic);
      this.#openingLastSeq = lastSeq;
    }
    if (isClosed(frame.body)) this.#closedSeq = lastSeq;
    const first = Math.max(firstSeq, this.#known?.begin?.firstSeq ?? 1);
    for (const range of this.#covered.without({ firstSeq: first, lastSeq })) {
      this.#covered.add(range);
      this.#note(frame, range);
    }
  }

  /** What nothing has up to a record, the last that there is or a later one, and no marker tells of. */
  missing(throughSeq: number): SequenceRange[] {
    const { firstSeq } = this.#beginWith(null);
    const lastSeq = Math.max(throughSeq, this.lastSeq);
    const gaps = this.#covered.without({ firstSeq, lastSeq });
    return gaps.flatMap((gap) => this.#marked.without(gap));
  }

  /** `previous`: for a lane that the repository doesn't know. `throughSeq`: as for `missing`, which is called a hole now. */
  tail(previous: Begin['previous'], throughSeq: number): TopicLaneTail {
    const begin = this.#beginWith(previous);
    const { objects, holes, damaged } = this.#known ?? NOTHING;
    const spoilt = new SequenceSet(damaged);
    const archive = new LaneArchive(begin, objects, holes);
    const runs = this.#runs(archive);
    const markers = this.missing(throughSeq).map(({ firstSeq, lastSeq }): HoleMarker => {
      const fromMs = archive.fromMs(firstSeq);
      const { lane } = this;
      const reason = spoilt.without({ firstSeq, lastSeq }).length === 0 ? ABSENT : NOT_SENT;
      return { lane, firstSeq, lastSeq, fromMs, toMs: null, reason, notedAt: fromMs };
    });
    const toMs = Math.max(this.#toMs, archive.fromMs(Infinity));
    const hasStopped = this.#closedSeq === this.lastSeq;
    const { lastSeq } = this;
    const forks = this.#forks;
    return { begin, runs, holes: markers, forks, toMs, lastSeq, isClosed: hasStopped };
  }

  #runs(archive: LaneArchive): TailRun[] {
    const runs: TailRun[] = [];
    for (const piece of this.#pieces.toSorted((a, b) => a.firstSeq - b.firstSeq)) {
      const { firstSeq, lastSeq, toMs, points, bytes } = piece;
      const before = runs.at(-1);
      const run = { firstSeq, lastSeq, fromMs: archive.fromMs(firstSeq), toMs, points, bytes };
      archive.add(run);
      if (before?.lastSeq !== firstSeq - 1) {
        runs.push(run);
        continue;
      }
      const sum = { points: before.points + points, bytes: before.bytes + bytes };
      runs[runs.length - 1] = { ...before, lastSeq, toMs, ...sum };
    }
    return runs;
  }

  /** Where the repository knows the lane and not its begin, it is taken to begin with what there is. */
  #beginWith(previous: Begin['previous']): Begin {
    const known = this.#known;
    if (known?.begin !== undefined) return known.begin;
    const opened = this.#opening?.begin;
    const { lane } = this;
    const opening = opened ?? { lane, ordinal: 0, firstSeq: 1, openedAt: 0, host: '' };
    const begin = { reason: 'unknown', disputed: null, ...opening, previous };
    if (known === undefined) return begin;
    return { ...begin, firstSeq: 1, openedAt: known.objects.reduce(earliest, begin.openedAt) };
  }

  #note(frame: TopicFrame, { firstSeq, lastSeq }: SequenceRange): void {
    const { partition, offset } = frame;
    const { toMs, points, bytes } = measureRecords(frame, { firstSeq, lastSeq });
    const last = this.#pieces.at(-1);
    if (last?.partition !== partition || last.lastSeq + 1 !== firstSeq) {
      const offsets = { firstOffset: offset, lastOffset: offset };
      this.#pieces.push({ partition, ...offsets, firstSeq, lastSeq, toMs, points, bytes });
      return;
    }
    const sum = { points: last.points + points, bytes: last.bytes + bytes };
    this.#pieces[this.#pieces.length - 1] = { ...last, lastOffset: offset, lastSeq, toMs, ...sum };
  }
}

function earliest(ms: number, { fromMs }: Span): number {
  return Math.min(ms, fromMs);
}
