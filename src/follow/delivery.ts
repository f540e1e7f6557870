import { UNCHUNKED_BYTES_MAX } from '../opentsdb/server-facts.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { type Batch, type BatchLimits, ChunkBatches } from './batch.ts';
import { Canary } from './canary.ts';
import { Chunk } from './chunk.ts';
import type { DeliveryFault, DeliveryOptions, RefusedPoint } from './delivery-options.ts';
import { emptyFlight, type Flight, refusedPoint } from './flight.ts';
import { Mends, MENDS_MAX } from './mends.ts';
import { Poison } from './poison.ts';
import { RecentWrites } from './recent-writes.ts';
import { sendAgain } from './send-again.ts';
import { type Suspect, Suspects, SUSPECTS_MAX } from './suspects.ts';

const TELNET_FLIGHTS_MAX = 4;
const CHUNKS_MAX = TELNET_FLIGHTS_MAX;
const RETRIES_AT_ONCE = 100;

/**
 * Takes the log to one OpenTSDB, in order: at most one HTTP batch is under way, or several telnet batches
 * on one connection, never both. What is behind is folded, so that of several writes to one instant only
 * the last is sent; what is live is sent as it came, and an instant that was written twice in different
 * forms within one flush of the TSD is put once more behind it.
 *
 * Nothing is forgotten on a fault: the place goes back to the last record that was handled, or further if
 * the caller says so, and the same points are sent again, which changes nothing in the TSD.
 */
export class Delivery {
  readonly canary = new Canary();
  readonly #options: DeliveryOptions;
  readonly #recent: RecentWrites;
  readonly #mends = new Mends();
  readonly #suspects = new Suspects();
  readonly #poison = new Poison(this.canary);
  readonly #chunks: Chunk[] = [];
  readonly #flights: Flight[] = [];
  #current: ChunkBatches | undefined;
  #read: Position | undefined;
  #delivered: Position | undefined;
  #isFolding = true;
  /** The end of the log when a backlog last reached it: delivered in good time, it ends the backlog. */
  #endSeen: Position | undefined;
  #bytesMax: number;
  #pointsMax: number;
  #wake: (() => void) | undefined;
  #fault: DeliveryFault | undefined;

  constructor(options: DeliveryOptions, from: Position | undefined) {
    this.#options = options;
    this.#read = from;
    this.#delivered = from;
    this.#bytesMax = options.bytesMax;
    this.#pointsMax = options.pointsMax;
    this.#recent = new RecentWrites(options.flushSpanMs, options.clock.monotonicMs());
  }

  /** The last record that was handled, with all before it. */
  get delivered(): Position | undefined {
    return this.#delivered;
  }

  /** Points that may be refused for good, and points to be sent once more. */
  get open(): { readonly suspects: number; readonly mends: number } {
    return { suspects: this.#suspects.size, mends: this.#mends.size };
  }

  /** Up to here nothing remains to be done but to be stored. */
  settled(): Position | undefined {
    const open = [...this.#mends.positions(), this.#suspects.oldest()];
    let settled = this.#delivered;
    for (const position of open) {
      if (position === undefined || settled === undefined) continue;
      const before = { ...position, seq: position.seq - 1 };
      if (comparePositions(before, settled) < 0) settled = before;
    }
    return settled;
  }

  /** Something was added to the log, or has become due. */
  wake(): void {
    this.#wake?.();
  }

  /** The largest body that the TSD says it takes; when it doesn't say, what was learnt by trial stays. */
  limitBody(bytes: number | undefined): void {
    if (bytes !== undefined) this.#bytesMax = Math.min(this.#options.bytesMax, bytes);
  }

  /** What comes next is sent folded: it was written before the primary could take it. */
  fold(): void {
    this.#isFolding = true;
    this.#endSeen = undefined;
  }

  /** Delivers again what comes after `position`. Only while `run` is not under way. */
  resumeAt(position: Position | undefined): void {
    this.#delivered = position;
    this.#read = position;
    this.#suspects.clear();
    this.fold();
  }

  /** Delivers until a fault, or until the signal aborts. */
  async run(signal: AbortSignal): Promise<DeliveryFault | undefined> {
    this.#fault = undefined;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted && this.#fault === undefined) await this.#step(signal);
    await Promise.all(this.#flights.map(({ answer }) => answer));
    const nowMs = this.#options.clock.monotonicMs();
    // They may have been stored: what ties then is mended behind the next try.
    for (const { batch, rewrites } of this.#flights) this.#noteMends(batch, rewrites, nowMs);
    this.#flights.length = 0;
    this.#current = undefined;
    this.#read = this.#delivered;
    return this.#fault;
  }

  async #step(signal: AbortSignal): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const isDue = (this.#dueMs() ?? Infinity) <= nowMs;
    if (!isDue && this.#current?.nextIsTelnet === undefined) await this.#load();
    const telnet = this.#current?.nextIsTelnet;
    if (!isDue && telnet !== undefined && this.#maySend(telnet)) {
      const waitMs = this.#recent.waitMs(this.#pointsMax, nowMs);
      return waitMs === 0 ? this.#send(nowMs) : this.#options.clock.sleep(waitMs, signal);
    }
    const [first] = this.#flights;
    if (first !== undefined) {
      const isAnswered = await this.#waitFor(first, telnet === undefined && !isDue);
      return isAnswered ? this.#land(first) : undefined;
    }
    if (isDue) return this.#repeat(nowMs);
    if (telnet === undefined && this.#isFolding) this.#noteCaughtUp();
    if (telnet === undefined) await this.#idle(signal);
    else await this.#options.clock.sleep(Math.max(1, (this.#dueMs() ?? 0) - nowMs), signal);
  }

  /** The next stretch of the log, when there is one and a chunk to hold it. */
  async #load(): Promise<void> {
    const inUse = new Set(this.#flights.map(({ batch }) => batch.chunk));
    let chunk = this.#chunks.find((kept) => !inUse.has(kept));
    if (chunk === undefined) {
      if (this.#chunks.length === CHUNKS_MAX) return;
      chunk = new Chunk(64 * 1024, 1_024);
      this.#chunks.push(chunk);
    }
    chunk.clear();
    const isFolding = this.#isFolding;
    // A longer stretch folds better.
    const more = isFolding ? 2 : 1;
    await this.#options.reader.fill(chunk, this.#read, {
      lines: this.#options.pointsMax * more,
      bytes: this.#options.bytesMax * more,
    });
    if (chunk.last === undefined) return;
    this.#read = chunk.last;
    if (chunk.count > 0) this.#current = new ChunkBatches(chunk, isFolding);
    else if (this.#flights.length === 0) this.#advance(chunk.last, [], 0);
    else this.#flights.push(emptyFlight(chunk));
    if (isFolding && comparePositions(chunk.last, this.#options.end()) >= 0) {
      this.#isFolding = false;
      this.#endSeen = chunk.last;
    }
  }

  #maySend(telnet: boolean): boolean {
    if (this.#mends.size >= MENDS_MAX || this.#suspects.size >= SUSPECTS_MAX) return false;
    if (this.#flights.length === 0) return true;
    const isAllTelnet = this.#flights.every(({ batch }) => batch.telnet);
    return telnet && isAllTelnet && this.#flights.length < TELNET_FLIGHTS_MAX;
  }

  #send(nowMs: number): void {
    const current = this.#current;
    if (current === undefined) return;
    const limits: BatchLimits = { points: this.#pointsMax, bytes: this.#bytesMax };
    const batch = current.take(limits);
    const { chunk } = batch;
    const rewrites: number[] = [];
    this.#recent.age(nowMs);
    for (const line of batch.lines) {
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      const isRewrite = this.#recent.register(high, low);
      if (this.canary.overtake(high, low) || isRewrite || this.#mends.has(high, low)) {
        rewrites.push(line);
      }
      this.#suspects.supersede(high, low);
    }
    const answer = this.#options.applier.apply(batch);
    this.#flights.push({ batch, sentMs: nowMs, rewrites, answer });
  }

  /** Waits for the first flight; also, when `orMore`, for something to send meanwhile: then false. */
  async #waitFor(flight: Flight, orMore: boolean): Promise<boolean> {
    if (!orMore || !flight.batch.telnet || this.#flights.length >= TELNET_FLIGHTS_MAX) {
      await flight.answer;
      return true;
    }
    const more = new Promise<boolean>((resolve) => (this.#wake = () => resolve(false)));
    const isAnswered = await Promise.race([flight.answer.then(() => true), more]);
    this.#wake = undefined;
    return isAnswered;
  }

  /** Takes the answer of the first flight. */
  async #land(flight: Flight): Promise<void> {
    const applied = await flight.answer;
    const { batch } = flight;
    if (applied.kind === 'too large') {
      this.#shrink(batch);
      return;
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (applied.kind === 'failed' && !this.#poison.is(batch, applied.fault, nowMs)) {
      this.#fault = applied;
      this.#pointsMax = Math.max(1, Math.floor(this.#pointsMax / 2));
      return;
    }
    this.#flights.shift();
    if (applied.kind === 'failed') return this.#reject(batch, applied.reason, nowMs);
    this.#pointsMax = Math.min(this.#options.pointsMax, this.#pointsMax * 2);
    if (batch.lines.length > 0) {
      this.#options.events.answered(batch.lines.length, nowMs - flight.sentMs);
    }
    const refused = applied.refused.map(({ line, error }) => refusedPoint(batch, line, error));
    this.#noteMends(batch, flight.rewrites, nowMs);
    const later = this.#flights.map((next) => next.batch);
    this.canary.offer(batch, new Set(applied.refused.map(({ line }) => line)), later);
    this.#advance(batch.last, refused, nowMs - flight.sentMs);
  }

  /** The one point of the batch fails every time, alone, while others are stored: it is left behind. */
  async #reject(batch: Batch, reason: string, nowMs: number): Promise<void> {
    const point = refusedPoint(batch, batch.lines[0] ?? 0, reason);
    const tries = this.#poison.tries;
    await this.#options.events.rejected([{ ...point, firstMs: nowMs, nextMs: nowMs, tries }]);
    this.#advance(batch.last, [], Infinity);
  }

  #advance(last: Position | undefined, refused: readonly RefusedPoint[], durationMs: number): void {
    if (last !== undefined) this.#delivered = last;
    const isEnd =
      last !== undefined &&
      this.#endSeen !== undefined &&
      comparePositions(last, this.#endSeen) >= 0;
    if (isEnd && durationMs <= this.#options.promptMs) this.#noteCaughtUp();
    const nowMs = this.#options.clock.monotonicMs();
    const late = this.#options.events.delivered(last, refused);
    const final = late.flatMap((point) => this.#suspects.add(point, nowMs) ?? []);
    if (final.length > 0) void this.#options.events.rejected(final);
  }

  #noteCaughtUp(): void {
    this.#isFolding = false;
    this.#endSeen = undefined;
    this.#options.events.caughtUp();
  }

  #noteMends(batch: Batch, lines: readonly number[], nowMs: number): void {
    const { chunk, telnet } = batch;
    for (const line of lines) {
      const position = chunk.positionOf(line);
      const high = chunk.keyHigh[line] ?? 0;
      const low = chunk.keyLow[line] ?? 0;
      const dueMs = nowMs + this.#options.flushSpanMs();
      this.#mends.add({ high, low, line: chunk.text(line), telnet, position, dueMs });
    }
  }

  /** A body was refused for its size: from now on smaller ones, down to what any TSD takes. */
  #shrink(batch: Batch): void {
    const smallest = UNCHUNKED_BYTES_MAX;
    if (batch.lines.length <= 1 || batch.body.length <= smallest / 2) {
      this.#fault = {
        fault: 'answer',
        reason: `a body of ${batch.body.length} bytes is too large`,
      };
      return;
    }
    this.#bytesMax = batch.body.length > smallest ? smallest : Math.floor(batch.body.length / 2);
    this.#fault = { fault: 'size', reason: 'the body is too large' };
  }

  #dueMs(): number | undefined {
    const mend = this.#mends.nextDueMs();
    const suspect = this.#suspects.nextDueMs();
    return mend === undefined || suspect === undefined
      ? (mend ?? suspect)
      : Math.min(mend, suspect);
  }

  /** Sends mends and suspects that are due. Nothing is under way meanwhile. */
  async #repeat(nowMs: number): Promise<void> {
    const mends = this.#mends.due(nowMs, this.#options.pointsMax);
    const suspects = this.#suspects.due(nowMs, RETRIES_AT_ONCE);
    const limits = { points: this.#pointsMax, bytes: this.#bytesMax };
    this.#recent.age(nowMs);
    const again = [...mends, ...suspects];
    for (const { high, low } of again) this.#recent.register(high, low);
    const repeated = await sendAgain(this.#options.applier, again, limits);
    if (repeated.kind === 'failed') {
      this.#fault = repeated;
      return;
    }
    for (const mend of mends) this.#mends.remove(mend);
    this.#options.events.mended(mends.length);
    const final: Suspect[] = [];
    for (const [index, suspect] of suspects.entries()) {
      const error = repeated.errors.get(mends.length + index);
      if (error === undefined) this.#suspects.accept(suspect);
      else final.push(...[this.#suspects.refuse(suspect, error, nowMs) ?? []].flat());
    }
    if (final.length > 0) await this.#options.events.rejected(final);
  }

  async #idle(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const dueMs = this.#dueMs();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    if (comparePositions(this.#read ?? NOWHERE, this.#options.end()) < 0) {
      this.#wake = undefined;
      return;
    }
    const timer =
      dueMs === undefined
        ? undefined
        : setTimeout(() => this.wake(), dueMs - this.#options.clock.monotonicMs());
    await woken;
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

const NOWHERE: Position = { lane: '', ordinal: 0, seq: 0 };
