import { type Frontier, isEarlier } from '../source/frontier.ts';
import type { LaneQueue } from './lane-queue.ts';

const QUEUED_BYTES_MAX = 64 * 1_048_576;

/** The lanes of a pass with records to give, or that may be waited for. */
export class ActiveLanes {
  readonly #lanes = new Set<LaneQueue>();

  [Symbol.iterator](): Iterator<LaneQueue> {
    return this.#lanes.values();
  }

  add(lane: LaneQueue): void {
    this.#lanes.add(lane);
  }

  get queuedRecords(): number {
    let records = 0;
    for (const lane of this.#lanes) records += lane.records;
    return records;
  }

  /** What is queued fills the memory that it may. */
  get isFull(): boolean {
    return this.#queuedBytes >= QUEUED_BYTES_MAX;
  }

  /** Half of that: what others have in the partition of a late lane would fill it. */
  get isCrowded(): boolean {
    return this.#queuedBytes >= QUEUED_BYTES_MAX / 2;
  }

  /** The one whose next record was received first. */
  get least(): LaneQueue | undefined {
    let least: LaneQueue | undefined;
    let key: Frontier = { ms: Infinity, lane: '' };
    for (const lane of this.#lanes) {
      if (lane.head === undefined) continue;
      const own = { ms: lane.head.firstReceivedAt, lane: lane.lane };
      if (isEarlier(own, key)) [least, key] = [lane, own];
    }
    return least;
  }

  /**
   * Up to which receive time a lane's records may be given for the others, epoch ms, and the lane that forbids more. One with nothing to give
   * that is not awaited is active no longer.
   */
  limitFor(
    given: LaneQueue | undefined,
    isAwaited: (lane: LaneQueue) => boolean,
  ): { readonly limitMs: number; readonly blocker: LaneQueue | undefined } {
    let limitMs = Infinity;
    let blocker: LaneQueue | undefined;
    for (const lane of this.#lanes) {
      if (lane === given) continue;
      if (lane.head === undefined && !isAwaited(lane)) {
        this.#lanes.delete(lane);
        continue;
      }
      const fromMs = lane.head?.firstReceivedAt ?? lane.reachedMs;
      const ms = given !== undefined && given.lane < lane.lane ? fromMs : fromMs - 1;
      if (ms < limitMs) [limitMs, blocker] = [ms, lane];
    }
    return { limitMs, blocker };
  }

  get #queuedBytes(): number {
    let bytes = 0;
    for (const lane of this.#lanes) bytes += lane.bytes;
    return bytes;
  }
}
