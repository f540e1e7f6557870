import type { ErrorCounters } from '../../opentsdb/server-facts.ts';
import { comparePositions, type Position } from '../../record/position.ts';

/** What a TSD says of itself at one moment; undefined parts it doesn't say. */
export interface Vitals {
  readonly startTime: number | undefined;
  readonly counters: ErrorCounters | undefined;
}

export interface EarlierProof {
  readonly stored: Position;
  readonly vitals: Vitals;
  readonly nowMs: number;
}

/** Why what was delivered may be lost inside the TSD. */
export type DoubtReason = 'restarted' | 'storage errors' | 'exceptions' | 'errors untold';

/**
 * Decides when delivered writes count as stored and as confirmed. OpenTSDB's answers mean handled, not stored:
 *
 * - stored: a `?sync` put sent after them was answered, and the TSD's vitals had not moved;
 * - confirmed: stored, and for a heal window after that the vitals still had not moved.
 *
 * Moved vitals mean: deliver again from the last confirmed write. `rpc.exceptions` alone, which other
 * clients' requests move too, sends a stretch again only once.
 */
export class Confirmation {
  readonly #healWindowMs: number;
  #baseline: Vitals | undefined;
  /** Stored, not yet confirmed, oldest first. */
  #waiting: { readonly position: Position; storedMs: number }[] = [];
  #stored: Position | undefined;
  #confirmed: Position | undefined;
  /** When the vitals were last found steady. */
  #steadyMs = -Infinity;
  #passed: Position | undefined;
  /** What was already sent again because of `rpc.exceptions`. */
  #excused: Position | undefined;
  #isUntold = false;

  /** `earlier`: what another process had proven stored beyond `confirmed`, and the TSD's vitals then; it waits for its heal window anew. */
  constructor(healWindowMs: number, confirmed: Position | undefined, earlier?: EarlierProof) {
    this.#healWindowMs = healWindowMs;
    this.#stored = confirmed;
    this.#confirmed = confirmed;
    this.#passed = confirmed;
    if (earlier === undefined) return;
    this.#baseline = earlier.vitals;
    this.noteStored(earlier.stored, earlier.nowMs);
  }

  /** As they were last found. */
  get vitals(): Vitals | undefined {
    return this.#baseline;
  }

  get stored(): Position | undefined {
    return this.#stored;
  }

  get confirmed(): Position | undefined {
    return this.#confirmed;
  }

  /** Where the cursor stands: at what is confirmed, or after that. */
  get passed(): Position | undefined {
    return this.#passed;
  }

  notePassed(position: Position): void {
    this.#passed = position;
  }

  /** Whether all up to `position` is stored. */
  isStored(position: Position): boolean {
    return this.#stored !== undefined && comparePositions(position, this.#stored) <= 0;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Compares vitals taken now with those before; the first only set the baseline, and after an alarm they are the new one. */
  check(vitals: Vitals, delivered: Position | undefined): DoubtReason | undefined {
    const before = this.#baseline;
    this.#baseline = vitals;
    this.#isUntold = false;
    if (before === undefined) return undefined;
    if (vitals.startTime !== before.startTime) return 'restarted';
    if (before.counters === undefined) return undefined;
    if (vitals.counters === undefined) {
      // They move on all the same: the next look compares with what was told last.
      this.#baseline = before;
      this.#isUntold = true;
      return undefined;
    }
    if (vitals.counters.storage !== before.counters.storage) return 'storage errors';
    if (vitals.counters.exceptions === before.counters.exceptions) return undefined;
    const isExcused =
      this.#excused !== undefined &&
      (this.#confirmed === undefined || comparePositions(this.#confirmed, this.#excused) < 0);
    if (isExcused) return undefined;
    this.#excused = delivered;
    return 'exceptions';
  }

  /** The last look told no counters, though one before did: whether they moved shows the next one that does. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** The TSD tells no counters any more, and is one that never did. What it told last says nothing of what it took since. */
  goOnUntold(): void {
    const { startTime } = this.#baseline ?? {};
    this.#baseline = { startTime, counters: undefined };
    this.#isUntold = false;
  }

  /** A sync put sent after all up to `position` was answered, and the vitals were steady. */
  noteStored(position: Position, nowMs: number): void {
    if (this.isStored(position)) return;
    this.#stored = position;
    this.#waiting.push({ position, storedMs: nowMs });
  }

  /** The TSD is looked at again: while it was not, no time of a heal window passed. */
  resume(nowMs: number): void {
    for (const one of this.#waiting) {
      one.storedMs = nowMs - Math.max(0, this.#steadyMs - one.storedMs);
    }
  }

  /** The vitals were steady at `nowMs`: what was stored a heal window before is confirmed. */
  noteSteady(nowMs: number): void {
    this.#steadyMs = nowMs;
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined || nowMs - first.storedMs < this.#healWindowMs) break;
      this.#confirmed = first.position;
      this.#waiting.shift();
    }
  }

  /** Everything after the cursor is in doubt, also what is confirmed, and will be delivered again. */
  rewind(): void {
    this.#confirmed = this.#passed;
    this.doubt();
  }

  /** Everything after the confirmed position is in doubt and will be delivered again. */
  doubt(): void {
    this.#waiting = [];
    this.#stored = this.#confirmed;
  }
}
