import { splitAtMs, splitAtSeq } from '../frame-parts.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Hole } from '../../record/control.ts';
import type { Position } from '../../record/position.ts';
import { type LanePlace, type Place, withLanes, withoutLater } from '../place.ts';
import type { LeftOut } from './refusals.ts';

/** Consecutive arrivals that are consecutive records of one lane. */
export interface Arrival {
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  readonly lane: string;
  readonly ordinal: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  /** Missing records, as one arrival. */
  readonly hole: Hole | undefined;
  /** Of the records as they came. */
  readonly bytes: number;
  /** The records themselves; undefined once they were let go. */
  frame: LaneFrame | undefined;
  /** Lines that were left out of the frame; undefined while that was not looked at. */
  left: LeftOut | undefined;
}

/** The name that arrivals have in place of a lane. */
const LANE = 'standby';

/**
 * Numbers the records of all lanes as they come, so that they are one stream with positions: `ordinal` is the epoch, `seq` counts
 * within it. An epoch ends when some of the stream is read again; numbers are thereby never used twice. It knows of each
 * position what it means lane by lane, as long as that is not confirmed.
 */
export class ArrivalIndex {
  /** What is contained up to the last position that was confirmed, and the epoch of that. */
  #place: Place;
  #placeEpoch = 1;
  readonly #arrivals: Arrival[] = [];
  /** Where an epoch doesn't go on from what is before it. */
  readonly #beginnings = new Map<number, Place>();
  #epoch = 1;
  #last = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  /** The last arrival. */
  get end(): Position {
    return { lane: LANE, ordinal: this.#epoch, seq: this.#last };
  }

  /** The receive time of the last arrival, epoch ms; undefined when there is none. */
  get lastReceivedAt(): number | undefined {
    return this.#arrivals.at(-1)?.lastReceivedAt;
  }

  get size(): number {
    return this.#arrivals.length;
  }

  add(frame: LaneFrame): Arrival {
    const { body, ...records } = frame;
    const bytes = body.length;
    const count = frame.lastSeq - frame.firstSeq + 1;
    return this.#push(count, { ...records, hole: undefined, frame, bytes, left: undefined });
  }

  /** Nothing is known of when the records were received: they pass with what is before them. */
  addHole(hole: Hole, ordinal: number): Arrival {
    const { lane, from, to } = hole;
    const at = this.#arrivals.at(-1)?.lastReceivedAt ?? this.#place.latestMs ?? 0;
    return this.#push(1, {
      lane,
      ordinal,
      firstSeq: from,
      lastSeq: to,
      firstReceivedAt: at,
      lastReceivedAt: at,
      hole,
      frame: undefined,
      bytes: 0,
      left: undefined,
    });
  }

  /** What comes next begins a new epoch; after `place`, or else after what is here. */
  begin(place?: Place): void {
    this.#epoch += 1;
    this.#last = 0;
    if (place !== undefined) this.#beginnings.set(this.#epoch, place);
  }

  /** The arrival that holds what follows `position`; undefined when there is none yet. */
  after(position: Position): Arrival | undefined {
    return this.#arrivals[this.#indexAfter(position)];
  }

  /** Records after `position`. */
  recordsAfter(position: Position): number {
    let records = 0;
    for (let index = this.#indexAfter(position); index < this.#arrivals.length; index += 1) {
      const arrival = this.#arrivals[index];
      if (arrival !== undefined) records += arrival.last - before(arrival, position);
    }
    return records;
  }

  /** What is contained once everything up to `position` is. */
  placeAt(position: Position): Place {
    let place = this.#place;
    let epoch = this.#placeEpoch;
    let lanes = new Map<string, LanePlace>();
    for (const arrival of this.#arrivals) {
      if (isAfter(arrival, position)) break;
      if (arrival.epoch !== epoch) {
        place = this.#enter(epoch, arrival.epoch) ?? withLanes(place, lanes);
        lanes = new Map();
        epoch = arrival.epoch;
      }
      const isWhole = arrival.epoch < position.ordinal || arrival.last <= position.seq;
      const { lane, ordinal, lastSeq, lastReceivedAt, firstReceivedAt } = arrival;
      // Of a part it is only known that it was received after what was before it.
      const receivedAt = isWhole ? lastReceivedAt : firstReceivedAt;
      lanes.set(lane, {
        ordinal,
        seq: isWhole ? lastSeq : seqOf(arrival, position.seq),
        receivedAt,
      });
    }
    return this.#enter(epoch, position.ordinal) ?? withLanes(place, lanes);
  }

  /** Everything up to `position` is contained for good: what it means is no longer kept. */
  fold(position: Position): Place {
    this.#place = this.placeAt(position);
    this.#placeEpoch = position.ordinal;
    this.#arrivals.splice(0, this.#indexAfter(position));
    for (const epoch of this.#beginnings.keys()) {
      if (epoch <= position.ordinal) this.#beginnings.delete(epoch);
    }
    return this.#place;
  }

  /** Drops what came after `position`, and begins an epoch with what follows it. Returns what is contained there, less what was to be given again since. */
  goBack(position: Position): Place {
    let place = this.placeAt(position);
    const index = this.#indexAfter(position);
    const cut = this.#arrivals[index];
    this.#arrivals.length = index;
    if (cut !== undefined && before(cut, position) >= cut.first) {
      this.#arrivals.push({
        ...cut,
        last: position.seq,
        lastSeq: seqOf(cut, position.seq),
        frame: undefined,
      });
    }
    let isLess = false;
    for (const [epoch, beginning] of this.#beginnings) {
      if (epoch <= position.ordinal) continue;
      // What came late is after what the place has, and a source may tell of it only once.
      place = withoutLater(place, beginning);
      isLess = true;
      this.#beginnings.delete(epoch);
    }
    this.begin(isLess ? place : undefined);
    return place;
  }

  /**
   * Drops all that came after `position` from the first record on that isn't kept, and begins an epoch. `keptSeqOf` tells of a frame the last
   * record that is, less than the first when none is. Returns the bytes that were dropped, and the holes among that.
   */
  cut(
    position: Position,
    keptSeqOf: (frame: LaneFrame) => number,
  ): { readonly bytes: number; readonly holes: readonly Hole[] } {
    for (let at = this.#indexAfter(position); at < this.#arrivals.length; at += 1) {
      const arrival = this.#arrivals[at];
      if (arrival?.frame === undefined) continue;
      const isBegun = before(arrival, position) >= arrival.first;
      const passedSeq = isBegun ? seqOf(arrival, position.seq) : 0;
      const keptSeq = Math.max(keptSeqOf(arrival.frame), passedSeq);
      if (keptSeq >= arrival.lastSeq) continue;
      const dropped = this.#arrivals.splice(at);
      const kept = partOf(arrival, keptSeq);
      if (kept !== undefined) this.#arrivals.push(kept);
      this.begin();
      return {
        bytes: dropped.reduce((sum, { bytes }) => sum + bytes, -(kept?.bytes ?? 0)),
        holes: dropped.flatMap(({ hole }) => hole ?? []),
      };
    }
    return { bytes: 0, holes: [] };
  }

  /** Which record of which lane it is. */
  recordAt(position: Position): {
    readonly lane: string;
    readonly ordinal: number;
    readonly seq: number;
    readonly left: LeftOut | undefined;
  } {
    const found = this.after({ ...position, seq: position.seq - 1 });
    if (found === undefined)
      return { lane: LANE, ordinal: position.ordinal, seq: position.seq, left: undefined };
    const { lane, ordinal, left } = found;
    return { lane, ordinal, seq: seqOf(found, position.seq), left };
  }

  #push(count: number, arrival: Omit<Arrival, 'epoch' | 'first' | 'last'>): Arrival {
    const first = this.#last + 1;
    this.#last += count;
    const added = { ...arrival, epoch: this.#epoch, first, last: this.#last };
    this.#arrivals.push(added);
    return added;
  }

  /** The last of the places at which an epoch after `from`, and up to `to`, began anew. */
  #enter(from: number, to: number): Place | undefined {
    for (let epoch = to; epoch > from; epoch -= 1) {
      const place = this.#beginnings.get(epoch);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  #indexAfter({ ordinal, seq }: Position): number {
    let low = 0;
    let high = this.#arrivals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { epoch = 0, last = 0 } = this.#arrivals[middle] ?? {};
      if (epoch < ordinal || (epoch === ordinal && last <= seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The record of its lane that has this number. */
function seqOf(arrival: Arrival, seq: number): number {
  return seq >= arrival.last ? arrival.lastSeq : arrival.firstSeq + seq - arrival.first;
}

function isAfter({ epoch, first }: Arrival, { ordinal, seq }: Position): boolean {
  return epoch > ordinal || (epoch === ordinal && first > seq);
}

/** The number of the last record of the arrival that isn't after the position. */
function before(arrival: Arrival, { ordinal, seq }: Position): number {
  return arrival.epoch === ordinal ? Math.max(seq, arrival.first - 1) : arrival.first - 1;
}

/** The arrival up to that record of its lane; undefined when that is before its first. */
function partOf(arrival: Arrival, lastSeq: number): Arrival | undefined {
  const frame = arrival.frame && splitAtSeq(arrival.frame, lastSeq).before;
  if (frame === undefined) return undefined;
  const { lastReceivedAt, body } = frame;
  const last = arrival.first + frame.lastSeq - arrival.firstSeq;
  return { ...arrival, last, lastSeq: frame.lastSeq, lastReceivedAt, frame, bytes: body.length };
}

/** The number of the last record that was received up to then; less than the first when none was. */
export function lastReceivedBy(
  { first, last, lastReceivedAt, frame }: Arrival,
  limitMs: number,
): number {
  if (lastReceivedAt <= limitMs) return last;
  const part = frame && splitAtMs(frame, limitMs).before;
  return part === undefined ? first - 1 : first + part.lastSeq - part.firstSeq;
}
