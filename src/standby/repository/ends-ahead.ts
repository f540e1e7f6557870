import type { Catalog } from '../../archive/holdings/catalog.ts';
import type { SegmentName } from '../../archive/format/object-names.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { formatRecordHeader } from '../../record/record.ts';
import { lastSegmentBy } from './archived-times.ts';
import { isLacking, type Place } from '../place.ts';

/**
 * How far the lanes of a repository go, on the way into the stream of its records. A lane ends with records that say no more than that a proxy runs, or
 * stopped; none of these is given, and a place that lacked them would have all that was received since read again at a start.
 */
export class EndsAhead {
  readonly #ordinalOf: (lane: string) => number;
  /** The latest first. */
  readonly #ends: SegmentName[];

  /** `toMs`: as far as the repository is read, epoch ms. */
  constructor({ lanes }: Catalog, toMs: number, ordinalOf: (lane: string) => number) {
    this.#ordinalOf = ordinalOf;
    const ends = [...lanes.values()].flatMap(({ objects }) => lastSegmentBy(objects, toMs) ?? []);
    this.#ends = ends.toSorted((a, b) => b.toMs - a.toMs);
  }

  /** Those that come before what was received at that time, epoch ms, and that the place lacks: each as a record without lines. */
  *pass(beforeMs: number, place: Place): Generator<LaneFrame> {
    for (let last = this.#ends.at(-1); last !== undefined; last = this.#ends.at(-1)) {
      if (last.toMs >= beforeMs) return;
      this.#ends.pop();
      if (isLacking(place, last.lane, last)) yield this.#frameOf(last);
    }
  }

  #frameOf({ lane, lastSeq: seq, toMs: receivedAt }: SegmentName): LaneFrame {
    const header = formatRecordHeader({ seq, receivedAt, transport: 'log', source: '-' });
    return {
      lane,
      ordinal: this.#ordinalOf(lane),
      firstSeq: seq,
      lastSeq: seq,
      firstReceivedAt: receivedAt,
      lastReceivedAt: receivedAt,
      body: Buffer.from(header),
    };
  }
}
