import type { Clock } from '../runtime/clock.ts';
import type { Applier } from './applier.ts';
import type { Canary } from './canary.ts';
import { type Compacted, CompactionWatch } from './compaction-watch.ts';
import { endedBefore } from './ended-hours.ts';
import type { DeliveryEvents } from './delivery-options.ts';
import type { Mend, Mends } from './mends.ts';

export interface EndedMendsOptions {
  readonly applier: Pick<Applier, 'compacted'>;
  readonly canary: Pick<Canary, 'handled'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly mends: Mends;
  readonly events: Pick<DeliveryEvents, 'unsettled'>;
  readonly flushSpanMs: () => number;
}

/** Mends that are put now. */
export interface OpenMends {
  readonly mends: readonly Mend[];
  /** What was compacted until then; undefined where it doesn't matter. */
  readonly compacted: number | undefined;
}

const NOTHING: Compacted = { cells: undefined };
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

  /** Those of due mends to be put now. Lets go of those since whose last put nothing was compacted, or that were put often enough. */
  async open(mends: readonly Mend[], nowMs: number): Promise<OpenMends> {
    const before = this.#endedBefore;
    const first = mends.find(({ instant }) => instant < before);
    const compacted =
      first === undefined ? NOTHING : await this.#compaction.still(nowMs, first.dueMs);
    this.#isWaiting = compacted === undefined;
    if (compacted === undefined) {
      return { mends: mends.filter(({ instant }) => instant >= before), compacted };
    }
    const { cells } = compacted;
    const isSure = ({ put }: Mend): boolean => put !== undefined && put.compacted === cells;
    const unsure = mends.filter((mend) => !isSure(mend));
    const open = unsure.filter(({ put }) => (put?.times ?? 0) < ENDED_PUTS_MAX);
    const stays = new Set(open);
    for (const mend of mends) if (!stays.has(mend)) this.#options.mends.remove(mend);
    const unsettled = unsure.length - open.length;
    if (unsettled > 0) this.#options.events.unsettled(unsettled);
    return { mends: open, compacted: cells };
  }

  /** It was put once more, and taken: to an hour that is over perhaps not for the last time. */
  mended(mend: Mend, compacted: number | undefined, nowMs: number): void {
    const { mends, canary } = this.#options;
    mends.remove(mend);
    if (compacted === undefined || mend.instant >= this.#endedBefore) return;
    const dueMs = nowMs + this.#compaction.spanMs;
    const put = { compacted, times: (mend.put?.times ?? 0) + 1 };
    mends.add({ ...mend, dueMs, handled: canary.handled, put });
  }

  get #endedBefore(): number {
    return endedBefore(this.#options.clock.now());
  }
}
