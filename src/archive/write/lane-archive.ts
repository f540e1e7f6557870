import { assert, WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type ObjectFault, readLaneNotes } from '../holdings/catalog.ts';
import { listOutermost } from '../holdings/lane-listing.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import { dayAt, formatBeginName, parseObjectName, type Span } from '../format/object-names.ts';
import type { Begin, HoleMarker } from '../format/sidecar.ts';

interface Range {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** What a repository has of one lane, and lacks, as its archiver needs it. */
export class LaneArchive {
  readonly begin: Begin;
  /** In order, apart from each other. */
  #covered: readonly Span[];
  readonly #markers: readonly HoleMarker[];

  constructor(begin: Begin, spans: readonly Span[], markers: readonly HoleMarker[]) {
    this.begin = begin;
    this.#covered = uniteSpans(spans).covered;
    this.#markers = markers;
  }

  /** Undefined when the lane isn't registered. `sinceMs`: of segments that end earlier, only some are known. */
  static async read(
    store: ObjectStore,
    lane: string,
    sinceMs: number,
  ): Promise<LaneArchive | undefined> {
    const faults: ObjectFault[] = [];
    const { begin, holes } = await readLaneNotes(store, lane, faults);
    if (begin !== undefined)
      return new LaneArchive(begin, await listSpans(store, lane, sinceMs), holes);
    const name = formatBeginName(lane);
    if (!faults.some(({ object, kind }) => kind === 'damaged' && object === name)) return undefined;
    throw new WalError('REPOSITORY_DAMAGED', `${name} is damaged`, {
      hint: 'Put it back from a copy of the repository.',
    });
  }

  /** The last of the records that are covered after `seq` without a gap; `seq` when the next one isn't. */
  lastCovered(seq: number): number {
    const span = this.#covered.find(
      ({ firstSeq, lastSeq }) => firstSeq <= seq + 1 && seq < lastSeq,
    );
    return span?.lastSeq ?? seq;
  }

  /** The first record after `seq` that is covered. */
  nextCovered(seq: number): number {
    return this.#covered.find(({ firstSeq }) => firstSeq > seq)?.firstSeq ?? Infinity;
  }

  /** Up to where nothing needs to be looked for before a record: all up to there is covered, or markers say that it can't be had. */
  settledBefore(firstSeq: number): number {
    const start = this.begin.firstSeq - 1;
    if (firstSeq - 1 <= start) return start;
    const last = this.gaps(start + 1, firstSeq - 1).findLast((gap) => !this.isMarked(gap));
    return last === undefined ? firstSeq - 1 : last.firstSeq - 1;
  }

  /** Of these records, those that are not covered. */
  gaps(firstSeq: number, lastSeq: number): Range[] {
    const gaps: Range[] = [];
    for (let seq = firstSeq - 1; seq < lastSeq;) {
      const covered = this.lastCovered(seq);
      if (covered === seq) {
        const gap = { firstSeq: seq + 1, lastSeq: Math.min(lastSeq, this.nextCovered(seq) - 1) };
        gaps.push(gap);
        seq = gap.lastSeq;
      } else seq = covered;
    }
    return gaps;
  }

  /** Where the time of a segment or hole begins whose first record that is. */
  fromMs(firstSeq: number): number {
    const before = this.#covered.findLast(({ lastSeq }) => lastSeq < firstSeq);
    return before?.toMs ?? this.begin.openedAt;
  }

  /** Whether markers say of each of these records that it can't be archived. */
  isMarked({ firstSeq, lastSeq }: Range): boolean {
    let seq = firstSeq;
    for (const marker of this.#markers.toSorted((a, b) => a.firstSeq - b.firstSeq)) {
      if (marker.firstSeq <= seq) seq = Math.max(seq, marker.lastSeq + 1);
    }
    return seq > lastSeq;
  }

  /** A segment was committed. */
  add(span: Span): void {
    const { covered, conflicts } = uniteSpans([...this.#covered, span]);
    assert(conflicts.length === 0, 'a segment ends where the next one begins');
    this.#covered = covered;
  }
}

async function listSpans(store: ObjectStore, lane: string, sinceMs: number): Promise<Span[]> {
  const from = dayAt(sinceMs);
  const spans: Span[] = [];
  for await (const { name } of listOutermost(store, lane, { from, through: undefined })) {
    const parsed = parseObjectName(name);
    if (parsed?.kind === 'sidecar') spans.push(parsed);
  }
  return spans;
}
