import type { Clock } from '../runtime/clock.ts';
import type { Applier } from './applier.ts';
import type { Canary } from './canary.ts';
import { type Compacted, CompactionWatch } from './compaction-watch.ts';
import { endedBefore } from './ended-hours.ts';
import type { Mend, Mends } from './mends.ts';

export interface EndedMendsOptions {
  readonly applier: Pick<Applier, 'compacted'>;
  readonly canary: Pick<Canary, 'handled'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly mends: Mends;
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
 * time, and again until nothing was for as long after it. Mends of hours that last don't wait for that.
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

  /** Those of due mends to be put now. Lets go of those since whose last put nothing was compacted. */
  async open(mends: readonly Mend[], nowMs: number): Promise<OpenMends> {
    const before = this.#endedBefore;
    const first = mends.find(({ instant }) => instant < before);
    const compacted =
      first === undefined ? NOTHING : await this.#compaction.still(nowMs, first.dueMs);
    this.#isWaiting = compacted === undefined;
    if (compacted === undefined) {
      return { mends: mends.filter(({ instant }) => instant >= before), compacted };
    }
    const isSure = ({ put }: Mend): boolean =>
      put !== undefined && put.compacted === compacted.cells;
    for (const mend of mends) if (isSure(mend)) this.#options.mends.remove(mend);
    return { mends: mends.filter((mend) => !isSure(mend)), compacted: compacted.cells };
  }

  /** It was put once more, and taken: to an hour that is over perhaps not for the last time. */
  mended(mend: Mend, compacted: number | undefined, nowMs: number): void {
    const { mends, canary } = this.#options;
    mends.remove(mend);
    const times = (mend.put?.times ?? 0) + 1;
    const isLast = times === ENDED_PUTS_MAX || mend.instant >= this.#endedBefore;
    if (compacted === undefined || isLast) return;
    const dueMs = nowMs + this.#compaction.spanMs;
    mends.add({ ...mend, dueMs, handled: canary.handled, put: { compacted, times } });
  }

  get #endedBefore(): number {
    return endedBefore(this.#options.clock.now());
  }
}
