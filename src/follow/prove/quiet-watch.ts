import type { Applier } from '../deliver/applier.ts';
import type { Canary } from './canary.ts';

/** How often to look whether the TSD is quiet; when to give up. */
const CHECK_MS = 50;
const WAIT_MS_MAX = 10_000;

/** Of what is put now: it surely comes `after` what was put before; `given up`: that was waited for long enough, and it is not known. */
export type PutStanding = 'after' | 'not yet' | 'given up';

interface EarlierPuts {
  /** Requests handled up to it. */
  readonly handled: number;
  /** When it was surely flushed, if the TSD ran. */
  readonly flushedMs: number;
  /** Since when something waits to be put over it. */
  readonly sinceMs: number;
}

/**
 * Tells whether what is put now surely comes after what was put before: that is proven stored, and the TSD is quiet, or was since it
 * was flushed. A flood of writes, as of a backlog, outlasts the flush: OpenTSDB then has many requests under way at once. And while
 * HBase stands still, all that is put meanwhile ends in one flush.
 */
export class QuietWatch {
  readonly #applier: Pick<Applier, 'isQuiet'>;
  readonly #canary: Canary;
  /** When the TSD was last seen without a request to HBase under way, and how many requests were proven stored then. */
  #quietMs = -Infinity;
  #quietProven = 0;
  /** Before that there is nothing new to be seen. */
  untilMs = 0;

  constructor(applier: Pick<Applier, 'isQuiet'>, canary: Canary) {
    this.#applier = applier;
    this.#canary = canary;
  }

  /** How what is put now stands to what was put earlier. What doesn't end is given up in the end. */
  async standing(puts: EarlierPuts, nowMs: number): Promise<PutStanding> {
    const isProven = this.#canary.proven >= puts.handled;
    if (!isProven) this.#canary.want();
    if (isProven && (await this.#wasQuiet(puts, nowMs))) return 'after';
    if (nowMs - puts.sinceMs >= WAIT_MS_MAX) return 'given up';
    this.untilMs = nowMs + CHECK_MS;
    return 'not yet';
  }

  /** A TSD that doesn't say counts as quiet, but is asked again the next time. */
  async #wasQuiet({ handled, flushedMs }: EarlierPuts, nowMs: number): Promise<boolean> {
    // Before the proof the TSD may still hold what it has not flushed, and is quiet all the same.
    if (flushedMs <= this.#quietMs && handled <= this.#quietProven) return true;
    const { proven } = this.#canary;
    const isQuiet = await this.#applier.isQuiet();
    if (isQuiet === true) {
      this.#quietMs = nowMs;
      this.#quietProven = proven;
    }
    return isQuiet ?? true;
  }
}
