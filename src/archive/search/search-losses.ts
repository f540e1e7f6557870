import { computeCoverage, type CoverageHole } from '../holdings/coverage.ts';
import { parseObjectName } from '../format/object-names.ts';
import type { SearchEvent } from './search.ts';
import type { SearchedSegments } from './searched-segments.ts';
import { type LaneRange, lostRecords } from '../holdings/without-damaged.ts';
import { type TimeSpan, touches } from './write-filter.ts';

type Loss = Extract<SearchEvent, { kind: 'hole' | 'damage' }>;

/** What a search can't have, each told once. */
export class SearchLosses {
  readonly #segments: SearchedSegments;
  readonly #received: TimeSpan;
  readonly #told = new Set<string>();
  /** Of so many damaged segments all was told that is lost. */
  #known = 0;

  /** `received`: what is looked for. `holes`: what was told before. */
  constructor(segments: SearchedSegments, received: TimeSpan, holes: readonly CoverageHole[]) {
    this.#segments = segments;
    this.#received = received;
    for (const hole of holes) this.#told.add(nameOf(hole));
  }

  /** What is lost by all that turned out to be damaged since. Asked before the writes of a time are given, it tells of all that is missing among them. */
  *found(): Generator<Loss> {
    const { damaged } = this.#segments;
    if (damaged.size === this.#known) return;
    this.#known = damaged.size;
    const { usable } = this.#segments;
    const lost = lostRecords(usable);
    for (const [object, reason] of damaged) {
      if (isLost(object, lost) && this.#isNew(object)) {
        yield { kind: 'damage', object, reason, held: false };
      }
    }
    for (const hole of computeCoverage(usable).holes) {
      if (isIn(hole, this.#received) && this.#isNew(nameOf(hole))) yield { kind: 'hole', hole };
    }
  }

  /** The rest, once nothing more is read: others hold what was in it. */
  *held(): Generator<Loss> {
    for (const [object, reason] of this.#segments.damaged) {
      if (this.#isNew(object)) yield { kind: 'damage', object, reason, held: true };
    }
  }

  #isNew(name: string): boolean {
    if (this.#told.has(name)) return false;
    this.#told.add(name);
    return true;
  }
}

/** Whether records that were received in that time may be in the hole. */
export function isIn({ fromMs, toMs }: CoverageHole, received: TimeSpan): boolean {
  return touches(received, { from: fromMs, to: toMs ?? Infinity });
}

function isLost(object: string, lost: readonly LaneRange[]): boolean {
  const name = parseObjectName(object);
  if (name?.kind !== 'sidecar') return false;
  return lost.some(
    ({ lane, firstSeq, lastSeq }) =>
      lane === name.lane && firstSeq <= name.lastSeq && lastSeq >= name.firstSeq,
  );
}

function nameOf({ lane, firstSeq, lastSeq }: CoverageHole): string {
  return `${lane}/${firstSeq}-${lastSeq}`;
}
