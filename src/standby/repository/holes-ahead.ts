import type { CoverageHole } from '../../archive/holdings/coverage.ts';
import type { Hole } from '../../record/control.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { isForgotten } from '../../record/lane-end.ts';
import type { Place } from '../place.ts';

/** Holes of a repository on their way into the stream of its records: each comes before what follows it. */
export class HolesAhead {
  #ahead: readonly CoverageHole[] = [];

  /** Another reading begins: it finds again what did not pass in the last one. */
  begin(): void {
    this.#ahead = [];
  }

  /** Those of which the place lacks something. In any order; those that are ahead already may be among them. */
  add(holes: readonly CoverageHole[], place: Place): void {
    const known = new Set(this.#ahead.map(nameOf));
    const added = holes.filter((hole) => !known.has(nameOf(hole)) && isLacked(hole, place));
    if (added.length > 0) this.#ahead = [...this.#ahead, ...added].toSorted(inOrder);
  }

  /** Those that come before what follows them in their lane, and before what was received after the record that they follow; all without a frame. */
  pass(frame?: LaneFrame): readonly CoverageHole[] {
    const passing = this.#ahead.filter((hole) => frame === undefined || isBefore(hole, frame));
    if (passing.length > 0) this.#ahead = this.#ahead.filter((hole) => !passing.includes(hole));
    return passing;
  }
}

/** The records that are known to be missing. */
export function recordsOf({ lane, firstSeq, lastSeq, reason }: CoverageHole): Hole {
  return { lane, from: firstSeq, to: lastSeq ?? firstSeq, reason };
}

function isLacked(hole: CoverageHole, { sinceMs, latestMs, lanes }: Place): boolean {
  const at = lanes.get(hole.lane);
  const toMs = hole.toMs ?? Infinity;
  if (at !== undefined) return at.seq === 0 ? toMs >= at.receivedAt : recordsOf(hole).to > at.seq;
  if (isForgotten(hole.toMs ?? hole.fromMs, latestMs ?? -Infinity)) return false;
  return toMs > (sinceMs ?? -Infinity);
}

function isBefore({ lane, firstSeq, fromMs }: CoverageHole, frame: LaneFrame): boolean {
  return fromMs < frame.firstReceivedAt || (lane === frame.lane && firstSeq < frame.firstSeq);
}

function inOrder(a: CoverageHole, b: CoverageHole): number {
  if (a.fromMs !== b.fromMs) return a.fromMs - b.fromMs;
  if (a.lane !== b.lane) return a.lane < b.lane ? -1 : 1;
  return a.firstSeq - b.firstSeq;
}

/** One that has grown is another. */
function nameOf({ lane, firstSeq, lastSeq }: CoverageHole): string {
  return `${lane}/${firstSeq}-${lastSeq}`;
}
