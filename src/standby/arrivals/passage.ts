import { comparePositions, type Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Arrival, type ArrivalIndex, lastReceivedBy } from './arrival-index.ts';
import type { ForkWatch } from './fork-watch.ts';
import type { Gate } from './gate.ts';
import { SentBound } from './sent-bound.ts';

export interface PassageOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly index: ArrivalIndex;
  /** Nothing more is sent before what the source says to be undone is known. */
  readonly forks: Pick<ForkWatch, 'isFresh'>;
  /** Nothing that was received later was ever sent to the target, epoch ms. */
  readonly sentToMs: number;
  /** What was received up to then, epoch ms, may be sent once this resolves. */
  readonly sending: (toMs: number) => Promise<void>;
  /** More may be read. */
  readonly onReleased: () => void;
}

/** So much more than is needed may be sent at once: what is sent is noted as often. */
const SENT_AHEAD_MS = 1_000;

/** Lets arrivals pass, in their order, as the gate lets them pass, and not before it is written down that they may be sent. */
export class Passage {
  readonly #options: PassageOptions;
  readonly #sent: SentBound;
  #released: Position;

  constructor(options: PassageOptions) {
    this.#options = options;
    this.#sent = new SentBound({
      ms: options.sentToMs,
      save: options.sending,
      onRaised: () => this.release(),
    });
    this.#released = options.index.end;
  }

  /** The last record that was let pass. */
  get released(): Position {
    return this.#released;
  }

  /** Nothing that was received later was ever sent to the target, nor is let pass; epoch ms. */
  get sentToMs(): number {
    return this.#sent.ms;
  }

  /** The same of the next moments, whatever the gate is told now; epoch ms. */
  get sentSoonMs(): number {
    return this.#sent.soonMs;
  }

  /** Whether all that is here and was received up to then has passed; epoch ms. */
  isOverAt(ms: number): boolean {
    const next = this.#options.index.after(this.#released);
    // A part of it may have passed.
    return next === undefined || !this.#isAhead(next, lastReceivedBy(next, ms));
  }

  /** What follows the position passes anew. */
  goBack(position: Position): void {
    this.#released = position;
  }

  /** Lets pass what the gate lets pass now. */
  release(): void {
    const { gate, clock, index, onReleased } = this.#options;
    const gateMs = gate.limitMs(clock.now());
    const limitMs = Math.min(gateMs, this.#sent.ms);
    const before = this.#released;
    for (;;) {
      const arrival = index.after(this.#released);
      if (arrival === undefined) break;
      const seq = lastReceivedBy(arrival, limitMs);
      if (!this.#isAhead(arrival, seq)) {
        if (this.#isAhead(arrival, lastReceivedBy(arrival, gateMs))) this.#raiseSent(gateMs);
        break;
      }
      this.#released = { ...this.#released, ordinal: arrival.epoch, seq };
    }
    if (this.#released !== before) onReleased();
  }

  /** Whether the arrival has records up to this number that were not let pass. */
  #isAhead({ first, epoch }: Arrival, seq: number): boolean {
    const position = { ...this.#released, ordinal: epoch, seq };
    return seq >= first && comparePositions(position, this.#released) > 0;
  }

  /** All that is here and passes the gate may be sent. */
  #raiseSent(gateMs: number): void {
    const { index, forks } = this.#options;
    // It may be undone by what isn't read yet.
    if (!forks.isFresh) return;
    const latestMs = (index.lastReceivedAt ?? this.#sent.ms) + SENT_AHEAD_MS;
    this.#sent.raise(Math.min(gateMs, latestMs));
  }
}
