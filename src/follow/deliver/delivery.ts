import { comparePositions, lastBefore, NOWHERE, type Position } from '../../record/position.ts';
import type { Batch } from './batch.ts';
import { BatchSize } from './batch-size.ts';
import { Canary } from '../prove/canary.ts';
import type { DeliveryFault, DeliveryOptions } from './delivery-options.ts';
import { emptyFlight, type Flight, noteRewrites, refusedPoints } from './flight.ts';
import { Flights, TELNET_FLIGHTS_MAX } from './flights.ts';
import { loggedPoint, type RefusedPoint } from './logged-point.ts';
import { Poison } from './poison.ts';
import { RecentWrites } from '../rewrites/recent-writes.ts';
import { Repeats } from '../rewrites/repeats.ts';
import { StretchReader } from './stretch-reader.ts';
import { Wake } from '../wake.ts';

/** A batch that was answered later than this may have been written any time until then. */
const PROMPT_WRITE_MS = 100;
const FULL_CHECK_MS = 20;

/**
 * Takes the log to one OpenTSDB, in order: at most one HTTP batch is under way, or several telnet batches
 * on one connection, never both. What is behind is folded, so that of several writes to one instant only
 * the last is sent; what is live is sent as it came, and an instant that was written twice in different
 * forms within one flush of the TSD is put once more after it.
 *
 * Nothing is forgotten on a fault: the place goes back to the last record that was handled, or further if
 * the caller says so, and the same points are sent again, which changes nothing in the TSD.
 */
export class Delivery {
  readonly canary: Canary;
  readonly #options: DeliveryOptions;
  readonly #recent: RecentWrites;
  readonly repeats: Repeats;
  readonly #poison: Poison;
  readonly #size: BatchSize;
  readonly #stretch: StretchReader;
  readonly #flights = new Flights();
  #delivered: Position | undefined;
  readonly #wake = new Wake();
  #fault: DeliveryFault | undefined;

  constructor(options: DeliveryOptions, from: Position | undefined) {
    const { applier, flushSpanMs, clock, look } = options;
    this.#options = options;
    const canary = (this.canary = new Canary(look));
    this.#delivered = from;
    this.#size = new BatchSize({ points: options.pointsMax, bytes: options.bytesMax });
    const recent = (this.#recent = new RecentWrites(flushSpanMs, clock.monotonicMs()));
    this.repeats = new Repeats({ ...options, canary, recent, look });
    const { suspects } = this.repeats;
    this.#poison = new Poison({ applier, canary, suspects });
    this.#stretch = new StretchReader(
      { ...options, suspects, chunksMax: TELNET_FLIGHTS_MAX },
      from,
    );
  }

  /** The last record that was handled, with all before it. */
  get delivered(): Position | undefined {
    return this.#delivered;
  }

  /** Whether it may have been sent already. */
  hasTaken(position: Position): boolean {
    const { read } = this.#stretch;
    return read !== undefined && comparePositions(position, read) <= 0;
  }

  /** Points that may be refused for good, and points to be sent once more. */
  get open(): { readonly suspects: number; readonly mends: number } {
    return { suspects: this.repeats.suspects.size, mends: this.repeats.mends.size };
  }

  /** Up to here every point that isn't refused was put for the last time. */
  put(): Position | undefined {
    return lastBefore(this.#delivered, [this.repeats.mends.first()]);
  }

  /** Up to here nothing remains to be done but to be stored: no point may turn out to be refused, or to win over another lane's. */
  settled(): Position | undefined {
    const looked = this.#options.look?.positions() ?? [];
    return lastBefore(this.put(), [this.repeats.suspects.oldest(), ...looked]);
  }

  /** Something was added to the log, or has become due. */
  wake(): void {
    this.#wake.tell();
  }

  /** The largest body that the TSD says it takes; when it doesn't say, what was learnt by trial stays. */
  limitBody(bytes: number | undefined): void {
    this.#size.tell(bytes);
  }

  /** What comes next is sent folded: it was written before the primary could take it. */
  fold(): void {
    this.#stretch.fold();
  }

  /** Delivers again what comes after `position`. Only while `run` is not under way. */
  resumeAt(position: Position | undefined): void {
    this.#delivered = position;
    this.#stretch.goBack(position);
    this.#stretch.fold();
    this.repeats.suspects.clear();
  }

  /** Delivers until a fault, or until the signal aborts. */
  async run(signal: AbortSignal): Promise<DeliveryFault | undefined> {
    this.#fault = undefined;
    const { clock, look } = this.#options;
    this.#recent.hold(clock.monotonicMs());
    look?.hold(clock.monotonicMs());
    this.repeats.hold(clock.monotonicMs());
    // They may be written any time from here on.
    const unanswered = this.canary.takeUnanswered();
    for (const { high, low } of unanswered) this.#recent.renewAgain(high, low);
    look?.departAgain(unanswered).landed(clock.monotonicMs());
    const wake = (): void => this.wake();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted && this.#fault === undefined) await this.#step(signal);
    } finally {
      signal.removeEventListener('abort', wake);
      await this.#dropFlights();
    }
    return this.#fault;
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { clock, look } = this.#options;
    const isDue = (this.repeats.nextDueMs() ?? Infinity) <= clock.monotonicMs();
    const isOver = this.#stretch.nextIsTelnet === undefined;
    // While an HTTP batch is under way the next one gathers: it is read when it can be sent.
    const mayRead = this.#hasRoom(true) || this.#options.readsAhead;
    if (!isDue && isOver && mayRead) await this.#readOn(signal);
    const nowMs = clock.monotonicMs();
    const telnet = this.#stretch.nextIsTelnet;
    const isFull = !this.repeats.givesRoom(nowMs) || look?.isFull === true;
    if (!isDue && telnet !== undefined && !isFull && this.#hasRoom(telnet))
      return this.#send(nowMs);
    const { first } = this.#flights;
    if (first !== undefined) {
      const orMore = telnet === undefined && !isDue;
      return (await this.#waitFor(first, orMore)) ? this.#land(first) : undefined;
    }
    if (isDue) return this.#repeat(nowMs);
    if (telnet === undefined) return this.#idle(signal);
    const dueMs = (this.repeats.nextDueMs() ?? Infinity) - nowMs;
    return clock.sleep(Math.max(1, Math.min(FULL_CHECK_MS, dueMs)), signal);
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { points } = this.#size.limits;
    const read = await this.#stretch.readOn(this.#flights.chunks, points, signal);
    if (read.kind === 'failed') this.#fault = read;
    if (read.kind !== 'no lines') return;
    if (this.#flights.first === undefined) this.#advance(read.chunk.last, 0);
    else this.#flights.add(emptyFlight(read.chunk));
  }

  #hasRoom(telnet: boolean): boolean {
    return this.#flights.hasRoom(telnet, this.#size.isCareful);
  }

  #send(nowMs: number): void {
    const batch = this.#stretch.take(this.#size.limits);
    if (batch === undefined) return;
    const { mends, suspects } = this.repeats;
    const before = { recent: this.#recent, canary: this.canary, mends, suspects };
    const rewrites = noteRewrites(batch, this.#stretch.late, before);
    const departure = this.#options.look?.depart(batch.chunk, batch.lines);
    const answer = this.#options.applier.apply(batch);
    this.#flights.add({ batch, sentMs: nowMs, rewrites, departure, answer });
  }

  /** Waits for the first flight; also, when `orMore`, for something to send meanwhile: then false. */
  async #waitFor(flight: Flight, orMore: boolean): Promise<boolean> {
    const answered = flight.answer.then(() => true);
    if (!orMore || !this.#hasRoom(true)) return answered;
    return (await this.#wake.until(answered)) ?? false;
  }

  /** Takes the answer of the first flight. */
  async #land(flight: Flight): Promise<void> {
    const answer = await flight.answer;
    const applied =
      answer.kind === 'unlocated' ? await this.#flights.locateFirst(this.#options.applier) : answer;
    const { batch, sentMs } = flight;
    const nowMs = this.#options.clock.monotonicMs();
    switch (applied.kind) {
      case 'handled':
        break;
      case 'failed':
        return this.#landFailed(flight, applied, nowMs);
      case 'too large': {
        const reason = `a body of ${batch.body.length} bytes is too large`;
        if (!this.#size.noteTooLarge(batch)) {
          return this.#landFailed(flight, { fault: 'answer', reason }, nowMs);
        }
        this.#fault = { fault: 'size', reason };
        return;
      }
    }
    this.#flights.land();
    flight.departure?.landed(nowMs);
    if (batch.lines.length > 0) this.#options.events.answered(batch.lines.length, nowMs - sentMs);
    const lines = new Set(applied.refused.map(({ line }) => line));
    const later = this.#flights.batches;
    this.#recent.seen(nowMs);
    const isLate = nowMs - sentMs > PROMPT_WRITE_MS;
    if (isLate && !this.#recent.remembers(sentMs)) this.#renew(batch);
    this.canary.offer(batch, { refused: lines, rewrites: flight.rewrites.lines, later });
    this.#noteMends(flight, lines, nowMs);
    const { own, settled } = refusedPoints(batch, applied.refused, later);
    const late = this.#advance(batch.last, nowMs - sentMs, own);
    this.repeats.suspect(
      late.filter((point) => !settled.has(point)),
      nowMs,
    );
  }

  /** Goes back to try again, or sets the one point of the batch aside when it seems to be the cause; what a part of the storage doesn't take is in doubt. */
  async #landFailed(flight: Flight, failure: DeliveryFault, nowMs: number): Promise<void> {
    const { fault, reason } = failure;
    const { batch } = flight;
    if (this.#options.doubt.isPartial(failure, this.canary.provenMs)) {
      this.canary.noteInDoubt();
      this.#renew(batch);
      return this.#passOver(flight, new Set(), nowMs);
    }
    const point = batch.lines.length === 1 ? loggedPoint(batch, batch.lines[0] ?? 0) : undefined;
    if (point !== undefined && (await this.#poison.is(point, fault, nowMs))) {
      if (point.isOfOthers !== true) this.#poison.setAside(point, reason, nowMs);
      return this.#passOver(flight, new Set(batch.lines), nowMs);
    }
    this.#fault = { fault, reason };
    this.#size.noteFailed(batch);
    if (fault === 'contact') this.#size.noteUnanswered(batch);
  }

  #passOver(flight: Flight, aside: ReadonlySet<number>, nowMs: number): void {
    this.#flights.land();
    flight.departure?.landed(nowMs);
    this.#noteMends(flight, aside, nowMs);
    this.#advance(flight.batch.last, aside.size > 0 ? Infinity : nowMs - flight.sentMs);
  }

  /** Everything up to `last` was handled, without these. Returns those whose clients were told otherwise. */
  #advance(
    last: Position | undefined,
    durationMs: number,
    refused: readonly RefusedPoint[] = [],
  ): readonly RefusedPoint[] {
    if (last !== undefined) this.#delivered = last;
    this.#size.noteDelivered(this.#delivered);
    const isEnd = last !== undefined && this.#stretch.isBacklogUpTo(last);
    if (isEnd && durationMs <= this.#options.promptMs) this.#noteCaughtUp();
    return this.#options.events.delivered(last, refused);
  }

  #noteCaughtUp(): void {
    this.#stretch.noteCaughtUp();
    this.#options.events.caughtUp();
  }

  /** The flight has landed: its rewrites, but for those refused, are put once more after the flush. */
  #noteMends({ batch, rewrites }: Flight, refused: ReadonlySet<number>, nowMs: number): void {
    const due = { dueMs: nowMs + this.#options.flushSpanMs(), handled: this.canary.handled };
    this.repeats.mends.land(batch.chunk, rewrites, refused, due);
  }

  #renew({ chunk, lines }: Batch): void {
    for (const line of lines) this.#recent.renew(chunk, line);
  }

  /** Nothing is known of what is under way: it may be written any time until now, and is sent again. */
  async #dropFlights(): Promise<void> {
    const dropped = await this.#flights.drop();
    const nowMs = this.#options.clock.monotonicMs();
    for (const flight of dropped) {
      this.#renew(flight.batch);
      flight.departure?.landed(nowMs);
      this.#noteMends(flight, new Set(), nowMs);
    }
    this.#stretch.goBack(this.#delivered);
  }

  /** Sends mends and suspects that are due. Nothing is under way meanwhile. */
  async #repeat(nowMs: number): Promise<void> {
    const repeated = await this.repeats.run(nowMs, this.#size.limits);
    if (repeated.kind === 'failed') this.#fault = repeated;
    if (repeated.kind !== 'too large') return;
    const isSmaller = this.#size.noteTooLarge(repeated.batch);
    this.#fault = { fault: isSmaller ? 'size' : 'answer', reason: 'the body is too large' };
  }

  /** Until the log grows, something becomes due, or the signal aborts. */
  async #idle(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#fault !== undefined) return;
    if (comparePositions(this.#stretch.read ?? NOWHERE, this.#options.end()) < 0) {
      // Whatever hides that part of the log must get its turn.
      return new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#stretch.isFolding) this.#noteCaughtUp();
    const { clock } = this.#options;
    const dueMs = this.repeats.nextDueMs();
    if (dueMs === undefined) return this.#wake.untilTold();
    const over = new AbortController();
    await this.#wake.until(clock.sleep(dueMs - clock.monotonicMs(), over.signal));
    // Without a reason it would make an error each time.
    over.abort('over');
  }
}
