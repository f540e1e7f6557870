import type { Position } from '../record/position.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Applier, Applied } from './applier.ts';
import type { Batch, BatchLimits } from './batch.ts';
import type { Canary } from './canary.ts';
import type { DeliveryEvents, RefusedPoint } from './delivery-options.ts';
import type { LaterWrite } from './later-writes.ts';
import type { LookThrough } from './look-through.ts';
import { type Mend, Mends, MENDS_MAX } from './mends.ts';
import type { RecentWrites } from './recent-writes.ts';
import { sendAgain, type SentAgain } from './send-again.ts';
import { type Suspect, Suspects, SUSPECTS_MAX } from './suspects.ts';

export interface RepeatsOptions {
  readonly applier: Applier;
  readonly canary: Canary;
  readonly recent: RecentWrites;
  readonly look: LookThrough | undefined;
  readonly clock: Clock;
  readonly events: Pick<DeliveryEvents, 'rejected' | 'mended'>;
  readonly flushSpanMs: () => number;
}

export type Repeated =
  | { readonly kind: 'done' }
  | { readonly kind: 'too large'; readonly batch: Batch }
  | Extract<Applied, { kind: 'failed' }>;

const RETRIES_AT_ONCE = 100;
/** More writes of others are not given way to at once. */
const GIVEN_WAY_MAX = 10_000;
/** How often to look whether the TSD is quiet; after how long nothing more is sent until it is; when to give up. */
const QUIET_CHECK_MS = 50;
const QUIET_PATIENCE_MS = 3_000;
const QUIET_WAIT_MS_MAX = 10_000;
const DONE: Repeated = { kind: 'done' };

/** What must be put once more besides the log: instants in doubt, and points that were refused too late for an error. */
export class Repeats {
  readonly mends = new Mends();
  readonly suspects = new Suspects();
  readonly #options: RepeatsOptions;
  /** Mends that are due wait until then, since the TSD is busy. */
  #heldUntilMs = 0;
  /** When the TSD was last seen without a request to HBase under way. */
  #quietMs = -Infinity;

  constructor(options: RepeatsOptions) {
    this.#options = options;
  }

  /** Whether so much is open, or so long, that nothing more should be sent. */
  isFull(nowMs: number): boolean {
    const dueMs = this.mends.nextDueMs();
    const isLong = dueMs !== undefined && nowMs - dueMs > QUIET_PATIENCE_MS;
    return isLong || this.mends.size >= MENDS_MAX || this.suspects.size >= SUSPECTS_MAX;
  }

  /** Whether writes of others may be given way to now. */
  get hasRoom(): boolean {
    return this.mends.size < GIVEN_WAY_MAX;
  }

  /** A write of another lane is put once more, over what was put to its instant until `landedMs`; the cursor stays before `position` until then. */
  giveWay(write: LaterWrite, position: Position, landedMs: number): void {
    const { canary, clock, flushSpanMs } = this.#options;
    const handled = canary.handledUntil(landedMs);
    const flushedMs = landedMs + flushSpanMs();
    const dueMs = Math.max(clock.monotonicMs(), flushedMs);
    const own = { position, index: 0, isOfOthers: true };
    this.mends.add({ ...write, ...own, dueMs, flushedMs, handled });
  }

  /** When there is next something to do. */
  nextDueMs(): number | undefined {
    const dueMs = this.mends.nextDueMs();
    const mend = dueMs === undefined ? undefined : Math.max(dueMs, this.#heldUntilMs);
    const suspect = this.suspects.nextDueMs();
    return mend === undefined || suspect === undefined
      ? (mend ?? suspect)
      : Math.min(mend, suspect);
  }

  /** Notes refusals whose clients were told otherwise. */
  suspect(refused: readonly RefusedPoint[], nowMs: number): void {
    for (const point of refused) this.suspects.add(point, nowMs);
    if (refused.length > 0) this.#options.canary.want();
  }

  /** Does what is due. Nothing else may be under way meanwhile. What fails remains. */
  async run(nowMs: number, limits: BatchLimits): Promise<Repeated> {
    const final = this.suspects.final();
    if (final.length > 0) return this.#giveUp(final);
    const due = this.suspects.due(nowMs);
    const alone = due.find(({ isAlone }) => isAlone);
    if (alone !== undefined) return this.#tryAlone(alone, nowMs, limits);
    // A mend is of an earlier write than a suspect of the same instant: first the mend.
    const suspects = due
      .filter(({ high, low }) => !this.mends.has(high, low))
      .slice(0, RETRIES_AT_ONCE);
    const mends = await this.#dueMends(nowMs, limits.points);
    return this.#putAgain(mends, suspects, { nowMs, limits });
  }

  async #giveUp(final: readonly Suspect[]): Promise<Repeated> {
    try {
      await this.#options.events.rejected(final);
    } catch (error) {
      const reason = `what is refused for good can't be written down: ${(error as Error).message}`;
      return { kind: 'failed', reason, fault: 'log' };
    }
    for (const suspect of final) this.suspects.remove(suspect);
    return DONE;
  }

  async #tryAlone(suspect: Suspect, nowMs: number, limits: BatchLimits): Promise<Repeated> {
    const { recent } = this.#options;
    recent.registerAgain(suspect.high, suspect.low);
    const sent = await this.#send([suspect], limits);
    if (sent.kind === 'failed' && sent.fault === 'storage') return sent;
    const error = sent.kind === 'handled' ? sent.errors.get(0) : reasonOf(sent);
    if (error === undefined) this.suspects.remove(suspect);
    else this.#refuse(suspect, error, nowMs);
    return DONE;
  }

  /**
   * Those due once their writes are proven stored and the TSD is quiet, without those which the canary on its way may
   * overtake: they wait again. A flood of writes, as of a backlog, outlasts the flush: OpenTSDB then has many
   * requests under way at once. And while HBase stands still, all that is put meanwhile ends in one flush.
   */
  async #dueMends(nowMs: number, max: number): Promise<Mend[]> {
    const { canary } = this.#options;
    const due = this.mends.due(nowMs, max);
    const waitedMs = nowMs - (due[0]?.dueMs ?? nowMs);
    if (due.length > 0 && waitedMs < QUIET_WAIT_MS_MAX) {
      const isProven = due.every(({ handled }) => canary.covers(handled));
      if (!isProven) canary.want();
      if (!isProven || !(await this.#wasQuiet(due, nowMs))) {
        this.#heldUntilMs = nowMs + QUIET_CHECK_MS;
        return [];
      }
    }
    return due.filter((mend) => {
      if (!this.#options.canary.isUnderWay(mend.high, mend.low)) return true;
      this.mends.add({ ...mend, dueMs: nowMs + this.#options.flushSpanMs() });
      return false;
    });
  }

  /** Whether the TSD is quiet, or was since all that others' writes are put over was flushed: it need not be between their batches. */
  async #wasQuiet(due: readonly Mend[], nowMs: number): Promise<boolean> {
    const isKnown = due.every(({ flushedMs = Infinity }) => flushedMs <= this.#quietMs);
    if (isKnown) return true;
    if (!(await this.#options.applier.isQuiet())) return false;
    this.#quietMs = nowMs;
    return true;
  }

  async #putAgain(
    mends: readonly Mend[],
    suspects: readonly Suspect[],
    { nowMs, limits }: { readonly nowMs: number; readonly limits: BatchLimits },
  ): Promise<Repeated> {
    const { canary, recent, events, flushSpanMs } = this.#options;
    for (const { high, low, isOfOthers } of mends) {
      recent.registerAgain(high, low);
      // Of that instant it would put what is no longer the latest.
      if (isOfOthers === true) canary.overtake(high, low);
    }
    const rewrites = new Set(suspects.filter(({ high, low }) => recent.registerAgain(high, low)));
    const sent = await this.#send([...mends, ...suspects], limits);
    if (sent.kind !== 'handled') return sent;
    canary.note();
    for (const [index, mend] of mends.entries()) {
      this.mends.remove(mend);
      const error = sent.errors.get(index);
      // What others wrote is theirs to tell their clients of.
      const isOwn = mend.isOfOthers !== true;
      if (error === undefined) canary.offerAgain(mend);
      if (error !== undefined && isOwn) this.suspect([{ ...mend, error }], nowMs);
    }
    if (mends.length > 0) events.mended(mends.length);
    for (const [index, suspect] of suspects.entries()) {
      const error = sent.errors.get(mends.length + index);
      if (error !== undefined) this.#refuse(suspect, error, nowMs);
      else this.suspects.remove(suspect);
      const isDoubtful = error === undefined && rewrites.has(suspect);
      const dueMs = nowMs + flushSpanMs();
      if (isDoubtful) this.mends.add({ ...suspect, dueMs, handled: canary.handled });
    }
    return DONE;
  }

  async #send(points: readonly (Mend | Suspect)[], limits: BatchLimits): Promise<SentAgain> {
    const { applier, look, clock } = this.#options;
    const departure = look?.departAgain(points);
    const sent = await sendAgain(applier, points, limits);
    departure?.landed(clock.monotonicMs());
    return sent;
  }

  #refuse(suspect: Suspect, error: string, nowMs: number): void {
    const { canary } = this.#options;
    this.suspects.refuse(
      suspect,
      error,
      nowMs,
      canary.isReady || canary.isWithheld ? canary.provenMs : undefined,
    );
    canary.want();
  }
}

function reasonOf(
  sent: Exclude<Awaited<ReturnType<typeof sendAgain>>, { kind: 'handled' }>,
): string {
  return sent.kind === 'failed' ? sent.reason : 'the point is too large for a request';
}
