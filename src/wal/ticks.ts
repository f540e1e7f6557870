import type { RingFrame } from './frame-ring.ts';
import type { Wal } from './log.ts';

const TICK_MS = 1_000;
/** A log that always gets data says so often what the primary surely stores: else readers would take all of it for unproven. */
const BUSY_TICK_MS = 10_000;

/** Logs a tick each second without data, which shows readers that the lane goes on, and what of it the primary surely stores. Times are of the monotonic clock. */
export class Ticks {
  readonly #wal: Pick<Wal, 'appendControl'>;
  #lastDataMs = 0;
  #lastTickMs = 0;
  #told: string | null = null;

  constructor(wal: Pick<Wal, 'appendControl'>) {
    this.#wal = wal;
  }

  /** A frame became durable. */
  note({ mutations }: RingFrame, nowMs: number): void {
    if (mutations > 0) this.#lastDataMs = nowMs;
  }

  /** Call about once a second; `confirmed`: LANE/SEQ of the last record that the primary surely stores, null: of none. */
  beat(nowMs: number, confirmed: string | null): void {
    if (!this.#isDue(nowMs, confirmed)) return;
    if (this.#wal.appendControl({ kind: 'tick', confirmed }) === undefined) return;
    this.#lastTickMs = nowMs;
    this.#told = confirmed;
  }

  #isDue(nowMs: number, confirmed: string | null): boolean {
    const sinceTickMs = nowMs - this.#lastTickMs;
    if (nowMs - this.#lastDataMs >= TICK_MS) return sinceTickMs >= TICK_MS * 0.9;
    return confirmed !== this.#told && sinceTickMs >= BUSY_TICK_MS;
  }
}
