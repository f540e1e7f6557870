import { endedBy } from '../../record/lane-control.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import { LatestTerm } from '../../record/latest-term.ts';
import type { TopicFrame } from '../../record/topic-read.ts';
import { hasData } from '../frame-parts.ts';

/** A lane that a standby has seen in what it follows, whether it has applied anything of it or not. */
export interface SeenLane {
  /** Receive time of its last record that was seen, epoch ms. */
  readonly receivedAt: number;
  /** The same of its last write; undefined: none was seen. */
  readonly wroteAt: number | undefined;
  /** When it was said to have ended, epoch ms. What came later belies that. */
  readonly endedAt: number | undefined;
}

/** Of more the half that was received last is kept. */
const LANES_MAX = 1_000;

/** Who writes to what a standby follows, as far as that was looked at. */
export class SeenLanes {
  readonly #lanes = new Map<string, SeenLane>();
  readonly #latest = new LatestTerm();

  get all(): ReadonlyMap<string, SeenLane> {
    return this.#lanes;
  }

  /** Whether it is what some of them say to feed since the latest promotion. */
  isPrimary(origin: string): boolean {
    return this.#latest.has(origin);
  }

  /** Frames may come again, and in any order. */
  note(frame: LaneFrame & Pick<TopicFrame, 'term'>): void {
    const { lane, lastReceivedAt, term } = frame;
    if (term !== undefined) this.#latest.note(term);
    this.see(lane, lastReceivedAt, hasData(frame));
    for (const ended of endedBy(frame)) this.#end(ended.lane, lastReceivedAt);
  }

  /** `receivedAt`: epoch ms. */
  see(lane: string, receivedAt: number, isWrite: boolean): void {
    const known = this.#lanes.get(lane);
    const wroteAt = isWrite ? Math.max(known?.wroteAt ?? receivedAt, receivedAt) : known?.wroteAt;
    this.#lanes.set(lane, {
      receivedAt: Math.max(known?.receivedAt ?? receivedAt, receivedAt),
      wroteAt,
      endedAt: known?.endedAt,
    });
    if (this.#lanes.size > LANES_MAX) this.#forgetOldest();
  }

  #end(lane: string, endedAt: number): void {
    const known = this.#lanes.get(lane);
    if (known !== undefined) this.#lanes.set(lane, { ...known, endedAt });
  }

  #forgetOldest(): void {
    const byTime = [...this.#lanes].toSorted(([, a], [, b]) => a.receivedAt - b.receivedAt);
    for (const [lane] of byTime.slice(0, LANES_MAX / 2)) this.#lanes.delete(lane);
  }
}
