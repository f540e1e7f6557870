import type { Clock } from '../runtime/clock.ts';
import type { Applier } from './applier.ts';
import { type Batch, type BatchLimits, ChunkBatches } from './batch.ts';
import type { Canary } from './canary.ts';
import { refusedPoint } from './flight.ts';
import type { Winners } from './later-writes.ts';
import type { LookThrough } from './look-through.ts';
import type { Mends } from './mends.ts';
import type { QuietWatch } from './quiet-watch.ts';
import type { RecentWrites } from './recent-writes.ts';
import { type NotSent, sendAlone } from './send-again.ts';

export interface GivingWayOptions {
  readonly applier: Applier;
  readonly canary: Canary;
  readonly recent: RecentWrites;
  readonly mends: Mends;
  readonly quiet: QuietWatch;
  readonly look: Pick<LookThrough, 'standing' | 'departInstead'> | undefined;
  readonly clock: Clock;
  readonly flushSpanMs: () => number;
  /** So many writes of others were put. */
  readonly onPut: (points: number) => void;
}

interface Waiting {
  readonly winners: Winners;
  sinceMs: number;
  /** What the winners are put over was surely flushed then. */
  flushedMs: number;
  /** Requests handled up to that. */
  handled: number;
  readonly done: () => void;
}

/** Puts writes of other lanes over what this one put to their instants. */
export class GivingWay {
  readonly #options: GivingWayOptions;
  #waiting: Waiting | undefined;

  constructor(options: GivingWayOptions) {
    this.#options = options;
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

  /** Puts those that wait, when they surely come behind; nothing else may be under way. What fails goes on waiting. */
  async run(nowMs: number, limits: BatchLimits): Promise<NotSent | undefined> {
    const waiting = this.#waiting;
    if (waiting === undefined || !(await this.#options.quiet.isBehind(waiting, nowMs)))
      return undefined;
    const { winners, done } = waiting;
    const ties = this.#sort(winners);
    const batches = new ChunkBatches(winners.writes, true);
    let points = 0;
    while (batches.nextIsTelnet !== undefined) {
      const batch = batches.take(limits);
      const failure = await this.#put(winners, batch, ties);
      if (failure !== undefined) return failure;
      points += batch.lines.length;
    }
    this.#waiting = undefined;
    this.#options.onPut(points);
    done();
    return undefined;
  }

  /** Takes out those over which something later was put since, and returns those that may tie. */
  #sort(winners: Winners): ReadonlySet<number> {
    const { writes, position } = winners;
    const ties = new Set<number>();
    writes.last = position;
    writes.seqs.fill(position.seq, 0, writes.count);
    for (let line = 0; line < writes.count; line += 1) {
      const standing = this.#options.look?.standing(winners, line) ?? 'later';
      writes.isBeaten[line] = standing === 'later' ? 1 : 0;
      if (standing === 'tie') ties.add(line);
    }
    return ties;
  }

  async #put(
    winners: Winners,
    batch: Batch,
    ties: ReadonlySet<number>,
  ): Promise<NotSent | undefined> {
    const { applier, canary, recent, mends, look, clock, flushSpanMs } = this.#options;
    const { chunk, lines } = batch;
    const doubtful: number[] = [];
    for (const line of lines) {
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      // What was put before is flushed; what comes now may tie with this.
      recent.register(chunk, line);
      const isOvertaking = canary.overtake(high, low);
      if (ties.has(line) || isOvertaking || mends.has(high, low)) doubtful.push(line);
    }
    const departure = look?.departInstead(winners, lines);
    const sent = await sendAlone(applier, batch);
    const nowMs = clock.monotonicMs();
    departure?.landed(nowMs);
    if (sent.kind !== 'handled') return sent;
    canary.note();
    // What others wrote is theirs to tell their clients of.
    const refused = new Set(sent.refused.map(({ line }) => line));
    const stored = lines.find((line) => !refused.has(line));
    if (stored !== undefined) canary.offerAgain(refusedPoint(batch, stored, ''));
    for (const line of doubtful) {
      const { error: _, ...point } = refusedPoint(batch, line, '');
      const dueMs = nowMs + flushSpanMs();
      if (!refused.has(line)) mends.add({ ...point, dueMs, handled: canary.handled });
    }
    return undefined;
  }
}
