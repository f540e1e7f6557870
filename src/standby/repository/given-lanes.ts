import type { CoverageHole } from '../../archive/holdings/coverage.ts';
import type { Hole } from '../../record/control.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import type { LanePlace, Place } from '../place.ts';
import { type Frontier, frontierOf, isEarlier, placeBefore } from '../source/frontier.ts';
import { recordsOf } from './holes-ahead.ts';

/** How far each lane was given, from the place that was sought on. */
export class GivenLanes {
  #lanes = new Map<string, LanePlace>();
  #sinceMs: number | null = null;
  /** Of what was given before the last seeking: what the place has forgotten was received so long before. Epoch ms. */
  #soughtMs: number | null = null;
  /** Where it began, until something was given since. */
  #sought: Place | undefined;

  get place(): Place {
    return { sinceMs: this.#sinceMs, latestMs: this.#soughtMs, lanes: this.#lanes };
  }

  seek(place: Place): void {
    this.#sought = place;
    this.#sinceMs = place.sinceMs;
    this.#soughtMs = place.latestMs;
    this.#lanes = new Map(place.lanes);
  }

  /** No more than this counts as given: the rest is given again. */
  goBack(lanes: ReadonlyMap<string, LanePlace>): void {
    this.#sought = undefined;
    this.#lanes = new Map(lanes);
  }

  /**
   * The next that is given is this. What a lane lacks of before is after what others wrote since, which is to be applied again: then the place
   * that all is given from.
   */
  begin(first: Frontier): Place | undefined {
    const sought = this.#sought;
    this.#sought = undefined;
    if (sought === undefined || !isEarlier(first, frontierOf(sought))) return undefined;
    const place = placeBefore({ ...sought, lanes: this.#lanes }, first);
    this.#lanes = new Map(place.lanes);
    return place;
  }

  note({ lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt }: LaneFrame): void {
    this.#lanes.set(lane, { ordinal, seq, receivedAt });
  }

  /** What of a hole was neither given nor told: it counts as given from now on. Undefined when that is nothing. */
  pass(hole: CoverageHole, ordinal: number): Hole | undefined {
    const { lane, from, to, reason } = recordsOf(hole);
    const { seq = 0, receivedAt = hole.fromMs } = this.#lanes.get(lane) ?? {};
    if (to <= seq) return undefined;
    this.#lanes.set(lane, { ordinal, seq: to, receivedAt: Math.max(hole.fromMs, receivedAt) });
    // What comes before may have been given before it was damaged, or be another hole.
    return { lane, from: Math.max(from, seq + 1), to, reason };
  }
}
