import type { LaneMemory, LaneQueue } from './lane-queue.ts';
import type { Strand } from './strand.ts';

/** A lane of which nothing came for so long is not waited for. */
export const SILENT_MS = 10_000;
/** The same for one that came late before. */
const SILENT_AGAIN_MS = 30_000;

/** How long others wait for a lane of which nothing comes: a proxy that runs writes each second. */
export class Patience {
  readonly #known: ReadonlyMap<string, LaneMemory>;

  constructor(known: ReadonlyMap<string, LaneMemory>) {
    this.#known = known;
  }

  /** By what is in its partition after its last message, or by the time that has passed where nothing is. */
  isOver(lane: LaneQueue, strand: Strand): boolean {
    if (strand.isAtEnd) return this.isQuiet(lane, strand);
    return strand.reachedMs >= lane.reachedMs + this.#silentMs(lane);
  }

  /** Nothing came of it for long, and nothing is there. */
  isQuiet(lane: LaneQueue, { reads: { emptyAtMs } }: Strand): boolean {
    return emptyAtMs !== undefined && emptyAtMs >= lane.cameMs + this.#silentMs(lane);
  }

  #silentMs({ lane }: LaneQueue): number {
    return this.#known.get(lane)?.wasLate === true ? SILENT_AGAIN_MS : SILENT_MS;
  }
}
