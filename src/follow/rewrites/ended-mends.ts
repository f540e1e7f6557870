import type { Clock } from '../../runtime/clock.ts';
import type { Applier } from '../deliver/applier.ts';
import type { Canary } from '../prove/canary.ts';
import { type Compacted, CompactionWatch } from './compaction-watch.ts';
import { endedBefore } from './ended-hours.ts';
import type { DeliveryEvents } from '../deliver/delivery-options.ts';
import type { MendPage } from './mend-page.ts';
import type { Mends } from './mends.ts';

export interface EndedMendsOptions {
  readonly applier: Pick<Applier, 'compacted'>;
  readonly canary: Pick<Canary, 'handled'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly mends: Mends;
  readonly events: Pick<DeliveryEvents, 'unsettled'>;
  readonly flushSpanMs: () => number;
}

/** So often is a write to an hour that is over put once more, should the TSD compact all the while. */
const ENDED_PUTS_MAX = 6;

/**
 * Sees to it that a mend to an hour that is over outlasts what the TSD compacts there: it is put when nothing was compacted for some
 * time, and again until nothing was for as long after it. Where the TSD compacts without an end it is let go of, and told of, in the end.
 * Mends of hours that last don't wait for that.
 */
export class EndedMends {
  readonly #options: EndedMendsOptions;
  readonly #compaction: CompactionWatch;
  #isWaiting = false;

  constructor(options: EndedMendsOptions) {
    this.#options = options;
    this.#compaction = new CompactionWatch(options);
  }

  /** Whether mends that are due wait for the TSD to have done with compacting: what is new need not wait for that. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Before that there is nothing new to be seen of what waits. */
  get untilMs(): number {
    return this.#compaction.untilMs;
  }

  /** Of a page of hours that lasted: the mends to hours that are over by now wait from here on. */
  takeFrom(page: MendPage): void {
    const { chunk, dueMs, handled } = page;
    const before = this.#endedBefore;
    for (let line = 0; line < chunk.count; line += 1) {
      const isEnded = page.has(line) && (chunk.instants[line] ?? Infinity) < before;
      if (isEnded) this.#options.mends.add(chunk, line, { dueMs, handled }, 'ended');
    }
  }

  /**
   * Whether mends of a page that are due may be put: what was compacted until then. Undefined: not now. Lets go of those since whose
   * last put nothing was compacted, or that were put often enough.
   */
  async open(page: MendPage, nowMs: number): Promise<Compacted | undefined> {
    const { mends, events } = this.#options;
    const compacted = await this.#compaction.still(nowMs, page.dueMs);
    this.#isWaiting = compacted === undefined;
    if (compacted === undefined) return undefined;
    let unsettled = 0;
    for (let line = 0; line < page.chunk.count; line += 1) {
      if (!page.has(line)) continue;
      const put = page.putBefore(line);
      const isSure = put !== undefined && put.compacted === compacted.cells;
      if (!isSure && (put?.times ?? 0) < ENDED_PUTS_MAX) continue;
      mends.remove(page, line);
      if (!isSure) unsettled += 1;
    }
    if (unsettled > 0) events.unsettled(unsettled);
    return compacted;
  }

  /** A mend of such a page was put once more, and taken: perhaps not for the last time. */
  mended(page: MendPage, line: number, { cells }: Compacted, nowMs: number): void {
    const { mends, canary } = this.#options;
    if (cells === undefined) return mends.remove(page, line);
    // A later write has taken its place.
    if (!page.has(line)) return;
    const dueMs = nowMs + this.#compaction.spanMs;
    const put = { compacted: cells, times: (page.putBefore(line)?.times ?? 0) + 1 };
    mends.add(page.chunk, line, { dueMs, handled: canary.handled, put }, 'ended');
  }

  get #endedBefore(): number {
    return endedBefore(this.#options.clock.now());
  }
}
