import type { Clock } from '../../runtime/clock.ts';
import type { Applier } from '../deliver/applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from '../deliver/batch.ts';
import type { Canary } from '../prove/canary.ts';
import type { Compacted } from './compaction-watch.ts';
import type { DeliveryEvents } from '../deliver/delivery-options.ts';
import { EndedMends } from './ended-mends.ts';
import { loggedPoint, type RefusedPoint } from '../deliver/logged-point.ts';
import type { LookThrough } from '../others/look-through.ts';
import type { MendPage } from './mend-page.ts';
import { type MendKind, Mends } from './mends.ts';
import { Narrowing } from '../deliver/narrowing.ts';
import type { QuietWatch, PutStanding } from '../prove/quiet-watch.ts';
import type { RecentWrites } from './recent-writes.ts';
import { DONE, type NotSent, type Repeated, sendAlone } from './send-again.ts';
import type { Suspects } from '../deliver/suspects.ts';

export interface MendingOptions {
  readonly applier: Applier;
  readonly canary: Canary;
  readonly recent: RecentWrites;
  readonly look: Pick<LookThrough, 'departAgain'> | undefined;
  readonly quiet: QuietWatch;
  readonly clock: Clock;
  readonly suspects: Suspects;
  readonly events: Pick<DeliveryEvents, 'mended' | 'unsettled'>;
  readonly flushSpanMs: () => number;
}

interface Opened {
  readonly standing: PutStanding;
  /** Until now; undefined: nothing compacts what the page writes to. */
  readonly compacted?: Compacted;
}

/** Puts mends, page by page, once they surely come after their writes. */
export class Mending {
  readonly mends: Mends;
  readonly #options: MendingOptions;
  readonly #ended: EndedMends;
  readonly #narrowing: Narrowing;

  constructor(options: MendingOptions) {
    this.#options = options;
    this.mends = new Mends(options.flushSpanMs);
    this.#ended = new EndedMends({ ...options, mends: this.mends });
    this.#narrowing = new Narrowing(options);
  }

  /** Since when some wait for the TSD to be quiet, which what is new may hold up; undefined when none do. */
  get sinceMs(): number | undefined {
    const ended = this.#ended.isWaiting ? undefined : this.mends.nextDueMs('ended');
    return earliest(this.mends.nextDueMs('lasting'), ended);
  }

  /** When there is next something to do. */
  nextDueMs(): number | undefined {
    const { untilMs } = this.#options.quiet;
    const lasting = this.mends.nextDueMs('lasting');
    const ended = this.mends.nextDueMs('ended');
    return earliest(
      lasting === undefined ? undefined : Math.max(lasting, untilMs),
      ended === undefined ? undefined : Math.max(ended, untilMs, this.#ended.untilMs),
    );
  }

  /** Puts some that are due; undefined: none may be put now. Nothing else may be under way. What fails remains. */
  async run(nowMs: number, limits: BatchLimits): Promise<Repeated | undefined> {
    const lasting = this.mends.due(nowMs, 'lasting');
    const standing = await this.#standing(lasting, nowMs);
    if (lasting !== undefined && standing !== 'not yet') {
      lasting.close();
      this.#ended.takeFrom(lasting);
      this.#letWait(lasting, 'lasting', nowMs);
      if (lasting.count > 0) return this.#put(lasting, limits, { standing });
    }
    return this.#runEnded(nowMs, limits);
  }

  async #runEnded(nowMs: number, limits: BatchLimits): Promise<Repeated | undefined> {
    const ended = this.#ended.untilMs <= nowMs ? this.mends.due(nowMs, 'ended') : undefined;
    const standing = await this.#standing(ended, nowMs);
    if (ended === undefined || standing === 'not yet') return undefined;
    const compacted = await this.#ended.open(ended, nowMs);
    if (compacted === undefined) return undefined;
    ended.close();
    this.#letWait(ended, 'ended', nowMs);
    return ended.count > 0 ? this.#put(ended, limits, { standing, compacted }) : undefined;
  }

  async #standing(page: MendPage | undefined, nowMs: number): Promise<PutStanding> {
    if (page === undefined) return 'not yet';
    const { handled, dueMs } = page;
    return this.#options.quiet.standing({ handled, flushedMs: dueMs, sinceMs: dueMs }, nowMs);
  }

  /** Those which the canary on its way may overtake wait again. */
  #letWait(page: MendPage, kind: MendKind, nowMs: number): void {
    const { canary, flushSpanMs } = this.#options;
    const { keyHigh, keyLow, count } = page.chunk;
    for (let line = 0; line < count; line += 1) {
      if (!page.has(line) || !canary.isUnderWay(keyHigh[line] ?? 0, keyLow[line] ?? 0)) continue;
      const dueMs = nowMs + flushSpanMs();
      const due = { dueMs, handled: page.handled, put: page.putBefore(line) };
      this.mends.add(page.chunk, line, due, kind);
    }
  }

  async #put(
    page: MendPage,
    limits: BatchLimits,
    { standing, compacted }: Opened,
  ): Promise<Repeated> {
    const { applier, canary, recent, look, clock, events } = this.#options;
    const batches = new ChunkBatches(page.chunk, 'free');
    const batch = batches.take(this.#narrowing.within(limits));
    for (const line of batch.lines) recent.register(page.chunk, line);
    const departure = look?.departAgain(batch.lines.map((line) => loggedPoint(batch, line)));
    const sent = await sendAlone(applier, batch);
    const nowMs = clock.monotonicMs();
    departure?.landed(nowMs);
    if (sent.kind !== 'handled') return this.#failed(sent, page, nowMs);
    this.#narrowing.passed();
    canary.note();
    const errors = new Map(sent.refused.map(({ line, error }) => [line, error]));
    // Of what is given up it isn't known whether it shows.
    if (standing !== 'given up') this.#offer(batch, errors);
    for (const line of batch.lines) {
      const error = errors.get(line);
      if (error !== undefined) this.#refuse({ ...loggedPoint(batch, line), error }, nowMs);
      if (error === undefined && compacted !== undefined)
        this.#ended.mended(page, line, compacted, nowMs);
      else this.mends.remove(page, line);
    }
    events.mended(batch.lines.length);
    // Those that are put again may come after the next time.
    const unsettled = compacted?.cells === undefined ? batch.lines.length - errors.size : 0;
    if (standing === 'given up' && unsettled > 0) events.unsettled(unsettled);
    return DONE;
  }

  #offer(batch: Batch, errors: ReadonlyMap<number, string>): void {
    const { canary } = this.#options;
    for (const line of batch.lines)
      if (!errors.has(line) && canary.offerAgain(loggedPoint(batch, line))) return;
  }

  /** It was refused, though not at first. */
  #refuse(point: RefusedPoint, nowMs: number): void {
    // What others wrote is theirs to tell their clients of.
    if (point.isOfOthers === true) return;
    this.#options.suspects.add(point, nowMs);
    this.#options.canary.want();
  }

  async #failed(failure: NotSent, page: MendPage, nowMs: number): Promise<Repeated> {
    if (!(await this.#narrowing.failed(failure, nowMs))) return failure;
    for (const line of failure.batch.lines) this.mends.remove(page, line);
    return DONE;
  }
}

/** The smaller one, of those that there are. */
export function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
