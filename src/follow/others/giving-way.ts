import type { Clock } from '../../runtime/clock.ts';
import type { Applier } from '../deliver/applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from '../deliver/batch.ts';
import type { Canary } from '../prove/canary.ts';
import type { DeliveryEvents } from '../deliver/delivery-options.ts';
import { endedBefore } from '../rewrites/ended-hours.ts';
import type { Winners } from './later-writes.ts';
import { loggedPoint } from '../deliver/logged-point.ts';
import type { LookThrough } from './look-through.ts';
import type { Mends } from '../rewrites/mends.ts';
import { Narrowing } from '../deliver/narrowing.ts';
import type { QuietWatch, PutStanding } from '../prove/quiet-watch.ts';
import type { RecentWrites } from '../rewrites/recent-writes.ts';
import { type NotSent, sendAlone } from '../rewrites/send-again.ts';
import type { Suspects } from '../deliver/suspects.ts';

export interface GivingWayOptions {
  readonly applier: Applier;
  readonly canary: Canary;
  readonly recent: RecentWrites;
  readonly mends: Mends;
  readonly suspects: Suspects;
  readonly quiet: QuietWatch;
  readonly look: Pick<LookThrough, 'standing' | 'departInstead'> | undefined;
  readonly clock: Clock;
  readonly flushSpanMs: () => number;
  readonly events: Pick<DeliveryEvents, 'gaveWay' | 'unsettled'>;
}

interface Waiting {
  readonly winners: Winners;
  sinceMs: number;
  /** What the winners are put over was surely flushed then. */
  flushedMs: number;
  /** Requests handled up to that. */
  handled: number;
  /** Lines that were put, or set aside. */
  readonly over: Set<number>;
  readonly done: () => void;
}

interface Opened {
  readonly standing: PutStanding;
  /** Lines which may tie with what was put again since. */
  readonly ties: ReadonlySet<number>;
}

/** Puts writes of other lanes over what this one put to their instants. */
export class GivingWay {
  readonly #options: GivingWayOptions;
  readonly #narrowing: Narrowing;
  #waiting: Waiting | undefined;

  constructor(options: GivingWayOptions) {
    this.#options = options;
    this.#narrowing = new Narrowing(options);
  }

  /** Since when some wait to be put; undefined when none do. */
  get sinceMs(): number | undefined {
    return this.#waiting?.sinceMs;
  }

  /** When those that wait may be put. */
  get dueMs(): number | undefined {
    return this.#waiting?.flushedMs;
  }

  /** Resolves once they were put, or the signal aborts. They are the caller's again then. */
  async add(winners: Winners, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { clock, canary, flushSpanMs } = this.#options;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#waiting = {
        winners,
        sinceMs: clock.monotonicMs(),
        flushedMs: winners.landedMs + flushSpanMs(),
        handled: canary.handledUntil(winners.landedMs),
        over: new Set(),
        done,
      };
    });
  }

  /** What the TSD has not flushed, or not even read, it may write any time from here on. */
  hold(nowMs: number): void {
    if (this.#waiting === undefined) return;
    this.#waiting.sinceMs = nowMs;
    this.#waiting.flushedMs = nowMs + this.#options.flushSpanMs();
    this.#waiting.handled = this.#options.canary.handled;
  }

  /** Puts those that wait, when they surely come after; nothing else may be under way. What fails goes on waiting. */
  async run(nowMs: number, limits: BatchLimits): Promise<NotSent | undefined> {
    const waiting = this.#waiting;
    if (waiting === undefined) return undefined;
    const standing = await this.#options.quiet.standing(waiting, nowMs);
    if (standing === 'not yet') return undefined;
    const { winners, over, done } = waiting;
    const ties = this.#sort(waiting);
    const batches = new ChunkBatches(winners.writes, 'folded');
    while (batches.nextIsTelnet !== undefined) {
      const batch = batches.take(this.#narrowing.within(limits));
      const failure = await this.#put(winners, batch, { standing, ties });
      if (failure !== undefined) return failure;
      for (const line of batch.lines) over.add(line);
    }
    this.#waiting = undefined;
    done();
    return undefined;
  }

  /** Takes out those that are over, and those over which something later was put since; returns those that may tie. */
  #sort({ winners, over }: Waiting): ReadonlySet<number> {
    const { writes, position } = winners;
    const ties = new Set<number>();
    writes.last = position;
    writes.seqs.fill(position.seq, 0, writes.count);
    for (let line = 0; line < writes.count; line += 1) {
      const standing = this.#options.look?.standing(winners, line) ?? 'later';
      writes.isBeaten[line] = standing === 'later' || over.has(line) ? 1 : 0;
      if (standing === 'tie') ties.add(line);
    }
    return ties;
  }

  async #put(
    winners: Winners,
    batch: Batch,
    { standing, ties }: Opened,
  ): Promise<NotSent | undefined> {
    const { applier, canary, recent, mends, look, clock, events, flushSpanMs } = this.#options;
    const { chunk, lines } = batch;
    const before = endedBefore(clock.now());
    const doubtful: number[] = [];
    for (const line of lines) {
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      // What was put before is flushed; what comes now may tie with this.
      recent.register(chunk, line);
      const isOvertaking = canary.overtake(high, low);
      const isEnded = (chunk.instants[line] ?? Infinity) < before;
      const isTie = ties.has(line) || isOvertaking || mends.has(high, low);
      if (isTie || isEnded) doubtful.push(line);
    }
    const departure = look?.departInstead(winners, lines);
    const sent = await sendAlone(applier, batch);
    const nowMs = clock.monotonicMs();
    departure?.landed(nowMs);
    if (sent.kind !== 'handled')
      return (await this.#narrowing.failed(sent, nowMs)) ? undefined : sent;
    canary.note();
    this.#narrowing.passed();
    events.gaveWay(lines.length);
    // What others wrote is theirs to tell their clients of.
    const refused = new Set(sent.refused.map(({ line }) => line));
    const mayTie = new Set(doubtful);
    const settled = lines.find((line) => !refused.has(line) && !mayTie.has(line));
    if (settled !== undefined && standing !== 'given up')
      canary.offerAgain(loggedPoint(batch, settled));
    const due = { dueMs: nowMs + flushSpanMs(), handled: canary.handled };
    const again = doubtful.filter((line) => !refused.has(line));
    for (const line of again) mends.add(chunk, line, due);
    // Those that are put once more may come after then.
    const unsettled = lines.length - refused.size - again.length;
    if (standing === 'given up' && unsettled > 0) events.unsettled(unsettled);
    return undefined;
  }
}
