import type { RingFrame } from './frame-ring.ts';
import type { Wal } from './log.ts';

export interface HeartbeatOptions {
  readonly wal: Pick<Wal, 'appendControl'>;
  readonly cutBytes: number;
  readonly cutIntervalMs: number;
}

/** With nothing but ticks, segments end this often. */
const IDLE_CUT_MS = 600_000;
const TICK_MS = 1_000;
/** A log that always gets data says so often what the primary surely stores: else readers would take all of it for unproven. */
const BUSY_TICK_MS = 10_000;

/** Writes what shows readers that the log goes on and what of it is proven, by ticks, and marks where segments end. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #bytes = 0;
  #hasData = false;
  #lastCutMs = 0;
  #lastDataMs = 0;
  #lastTickMs = 0;
  #told: string | null = null;

  constructor(options: HeartbeatOptions, nowMs: number) {
    this.#options = options;
    this.#lastCutMs = nowMs;
  }

  /** A frame became durable. */
  note(frame: RingFrame, nowMs: number): void {
    this.#bytes += frame.bytes.length;
    if (frame.mutations === 0) return;
    this.#hasData = true;
    this.#lastDataMs = nowMs;
    if (this.#bytes >= this.#options.cutBytes) this.#cut(nowMs);
  }

  /** Call about once a second, with the last position that the primary surely stores. */
  beat(nowMs: number, confirmed: string | null): void {
    if (this.#isTickDue(nowMs, confirmed)) this.#tick(nowMs, confirmed);
    const intervalMs = this.#hasData ? this.#options.cutIntervalMs : IDLE_CUT_MS;
    if (nowMs - this.#lastCutMs >= intervalMs) this.#cut(nowMs);
  }

  #isTickDue(nowMs: number, confirmed: string | null): boolean {
    const sinceTickMs = nowMs - this.#lastTickMs;
    if (nowMs - this.#lastDataMs >= TICK_MS) return sinceTickMs >= TICK_MS * 0.9;
    return confirmed !== this.#told && sinceTickMs >= BUSY_TICK_MS;
  }

  #tick(nowMs: number, confirmed: string | null): void {
    if (this.#options.wal.appendControl({ kind: 'tick', confirmed }) === undefined) return;
    this.#lastTickMs = nowMs;
    this.#told = confirmed;
  }

  #cut(nowMs: number): void {
    if (this.#options.wal.appendControl({ kind: 'cut' }) === undefined) return;
    this.#bytes = 0;
    this.#hasData = false;
    this.#lastCutMs = nowMs;
  }
}
