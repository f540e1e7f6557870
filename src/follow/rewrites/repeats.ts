import type { Clock } from '../../runtime/clock.ts';
import type { Applier } from '../deliver/applier.ts';
import type { BatchLimits } from '../deliver/batch.ts';
import type { Canary } from '../prove/canary.ts';
import type { DeliveryEvents } from '../deliver/delivery-options.ts';
import type { Doubt } from '../prove/doubt.ts';
import { GivingWay } from '../others/giving-way.ts';
import type { Winners } from '../others/later-writes.ts';
import { chunkOf, type RefusedPoint } from '../deliver/logged-point.ts';
import { type LookThrough, WINNERS_MAX } from '../others/look-through.ts';
import { earliest, Mending } from './mending.ts';
import { type Mends, MENDS_MAX } from './mends.ts';
import { Narrowing } from '../deliver/narrowing.ts';
import { QuietWatch } from '../prove/quiet-watch.ts';
import type { RecentWrites } from './recent-writes.ts';
import { DONE, type Repeated, sendAgain, type SentAgain } from './send-again.ts';
import { type Suspect, Suspects, SUSPECTS_MAX } from '../deliver/suspects.ts';

export interface RepeatsOptions {
  readonly applier: Applier;
  readonly canary: Canary;
  readonly recent: RecentWrites;
  readonly look: LookThrough | undefined;
  readonly clock: Clock;
  readonly doubt: Pick<Doubt, 'state' | 'isPartial'>;
  readonly events: Pick<DeliveryEvents, 'rejected' | 'mended' | 'unsettled' | 'gaveWay'>;
  readonly flushSpanMs: () => number;
}

interface SendAt {
  readonly nowMs: number;
  readonly limits: BatchLimits;
}

const RETRIES_AT_ONCE = 100;
/** After so long nothing more is sent until the TSD is quiet. */
const QUIET_PATIENCE_MS = 3_000;

/** What must be put besides the log: instants in doubt, points that were refused too late for an error, and what others wrote later. */
export class Repeats {
  readonly suspects = new Suspects();
  readonly #options: RepeatsOptions;
  readonly #quiet: QuietWatch;
  readonly #mending: Mending;
  readonly #narrowing: Narrowing;
  readonly #givingWay: GivingWay;

  constructor(options: RepeatsOptions) {
    const { applier, canary } = options;
    this.#options = options;
    this.#quiet = new QuietWatch(applier, canary);
    const shared = { ...options, quiet: this.#quiet, suspects: this.suspects };
    this.#mending = new Mending(shared);
    this.#narrowing = new Narrowing(shared);
    this.#givingWay = new GivingWay({ ...shared, mends: this.mends });
  }

  get mends(): Mends {
    return this.#mending.mends;
  }

  /** Whether more may be sent now: not while so much is open, or so long. */
  givesRoom(nowMs: number): boolean {
    const sinceMs = Math.min(this.#mending.sinceMs ?? nowMs, this.#givingWay.sinceMs ?? nowMs);
    const isLong = nowMs - sinceMs > QUIET_PATIENCE_MS;
    return !isLong && this.mends.givesRoom(nowMs) && this.suspects.size < SUSPECTS_MAX;
  }

  /** Writes of other lanes are put over what was put to their instants. Resolves once they were, or the signal aborts. */
  async giveWay(winners: Winners, signal: AbortSignal): Promise<void> {
    await this.#givingWay.add(winners, signal);
  }

  /** What the TSD has not flushed, or not even read, it may write any time from here on. */
  hold(nowMs: number): void {
    const { canary, flushSpanMs } = this.#options;
    this.mends.hold({ dueMs: nowMs + flushSpanMs(), handled: canary.handled });
    this.#givingWay.hold(nowMs);
  }

  /** When there is next something to do. */
  nextDueMs(): number | undefined {
    const givingWayMs = this.#givingWayDueMs;
    return earliest(
      earliest(this.#mending.nextDueMs(), this.suspects.nextDueMs()),
      givingWayMs === undefined ? undefined : Math.max(givingWayMs, this.#quiet.untilMs),
    );
  }

  /** Undefined, too, while what it may add to the mends would be too many. */
  get #givingWayDueMs(): number | undefined {
    return this.mends.size + WINNERS_MAX > MENDS_MAX ? undefined : this.#givingWay.dueMs;
  }

  /** Notes refusals whose clients were told otherwise. */
  suspect(refused: readonly RefusedPoint[], nowMs: number): void {
    for (const point of refused) this.suspects.add(point, nowMs);
    if (refused.length > 0) this.#options.canary.want();
  }

  /** Does what is due. Nothing else may be under way meanwhile. What fails remains, unless a part of the storage is in trouble. */
  async run(nowMs: number, limits: BatchLimits): Promise<Repeated> {
    const { canary, doubt } = this.#options;
    const repeated = await this.#run(nowMs, limits);
    if (repeated.kind !== 'failed' || !doubt.isPartial(repeated, canary.provenMs)) return repeated;
    this.#letGo(nowMs);
    return DONE;
  }

  /** All that isn't confirmed is to be delivered again: what would only be put again before waits for that. */
  #letGo(nowMs: number): void {
    this.mends.clear();
    this.#putOff(nowMs, () => true);
    this.hold(nowMs);
  }

  /** Of the suspects that are due these are tried later. */
  #putOff(nowMs: number, isPutOff: (suspect: Suspect) => boolean): void {
    for (const suspect of this.suspects.due(nowMs))
      if (isPutOff(suspect)) this.suspects.putOff(suspect, nowMs);
  }

  async #run(nowMs: number, limits: BatchLimits): Promise<Repeated> {
    const final = this.suspects.final();
    if (final.length > 0) return this.#giveUp(final);
    // A mend is of an earlier write than a suspect of the same instant: first the mend.
    this.#putOff(nowMs, ({ high, low }) => this.mends.has(high, low));
    const due = this.suspects.due(nowMs);
    const alone = due.find(({ isAlone }) => isAlone);
    if (alone !== undefined) return this.#tryAlone(alone, nowMs, limits);
    const { points } = this.#narrowing.within(limits);
    const suspects = due.slice(0, Math.min(RETRIES_AT_ONCE, points));
    if ((this.#givingWayDueMs ?? Infinity) <= nowMs) {
      const failure = await this.#givingWay.run(nowMs, limits);
      if (failure !== undefined) return failure;
    }
    const mended = await this.#mending.run(nowMs, limits);
    return mended ?? this.#putAgain(suspects, { nowMs, limits });
  }

  async #giveUp(final: readonly Suspect[]): Promise<Repeated> {
    // What others wrote is theirs to tell of.
    const own = final.filter(({ isOfOthers }) => isOfOthers !== true);
    try {
      if (own.length > 0) await this.#options.events.rejected(own);
    } catch (error) {
      const reason = `what is refused for good can't be written down: ${(error as Error).message}`;
      return { kind: 'failed', reason, fault: 'log' };
    }
    for (const suspect of final) this.suspects.remove(suspect);
    return DONE;
  }

  async #tryAlone(suspect: Suspect, nowMs: number, limits: BatchLimits): Promise<Repeated> {
    const { applier, canary, recent } = this.#options;
    const mayTie = recent.registerAgain(suspect.high, suspect.low);
    const sent = await this.#send([suspect], limits);
    if (sent.kind === 'failed' && sent.fault === 'storage') return sent;
    const error = sent.kind === 'handled' ? sent.errors.get(0) : reasonOf(sent);
    if (error === undefined) {
      this.suspects.remove(suspect);
      canary.note();
      if (!mayTie) canary.offerAgain(suspect);
    } else if (sent.kind === 'failed' && !(await applier.answers(suspect.telnet))) {
      this.suspects.putOff(suspect, nowMs);
    } else this.#refuse(suspect, error, nowMs);
    return DONE;
  }

  async #putAgain(suspects: readonly Suspect[], { nowMs, limits }: SendAt): Promise<Repeated> {
    const { canary, recent, flushSpanMs } = this.#options;
    // Nothing was handled then.
    if (suspects.length === 0) return DONE;
    const rewrites = new Set(suspects.filter(({ high, low }) => recent.registerAgain(high, low)));
    const sent = await this.#send(suspects, this.#narrowing.within(limits));
    if (sent.kind !== 'handled') {
      const isOver = await this.#narrowing.failed(sent, this.#options.clock.monotonicMs());
      return isOver ? DONE : sent;
    }
    this.#narrowing.passed();
    canary.note();
    for (const [index, suspect] of suspects.entries()) {
      const error = sent.errors.get(index);
      if (error !== undefined) {
        this.#refuse(suspect, error, nowMs);
        continue;
      }
      this.suspects.remove(suspect);
      const due = { dueMs: nowMs + flushSpanMs(), handled: canary.handled };
      if (rewrites.has(suspect)) this.mends.add(chunkOf(suspect), 0, due);
      else canary.offerAgain(suspect);
    }
    return DONE;
  }

  async #send(points: readonly Suspect[], limits: BatchLimits): Promise<SentAgain> {
    const { applier, look, clock } = this.#options;
    const departure = look?.departAgain(points);
    const sent = await sendAgain(applier, points, limits);
    departure?.landed(clock.monotonicMs());
    return sent;
  }

  #refuse(suspect: Suspect, error: string, nowMs: number): void {
    const { canary } = this.#options;
    this.suspects.refuse(suspect, error, nowMs, this.#provenMs(suspect));
    canary.want();
  }

  /** When the primary was last seen to store; undefined: nothing could show that, and it handles what it is sent. */
  #provenMs({ isAlone, handled }: Suspect): number | undefined {
    const { canary, doubt } = this.#options;
    // An outage of some of its storage looks like a refusal, too.
    if (doubt.state !== undefined) return -Infinity;
    if (canary.isReady || canary.isWithheld) return canary.provenMs;
    // An outage from the start breaks every request, too.
    return isAlone && canary.handled === handled ? -Infinity : undefined;
  }
}

function reasonOf(
  sent: Exclude<Awaited<ReturnType<typeof sendAgain>>, { kind: 'handled' }>,
): string {
  return sent.kind === 'failed' ? sent.reason : 'the point is too large for a request';
}
