import { setTimeout as sleep } from 'node:timers/promises';
import { cellKey, type CellPlace } from './cell.ts';

/**
 * A client of our own, beside the real collectors, that knows exactly which of its points were acknowledged: those of
 * each request answered 204. It sends nothing twice; what was not answered may or may not be stored.
 *
 * Most of its points are new cells. One in each request goes to one of a few cells that are written again and again,
 * with a value that only grows, in turn an integer and a float: so it shows whether the order of writes is kept.
 */
const BATCH_POINTS_NEW = 19;
const REWRITTEN_CELLS = 5;
const LIMITS = { answerMsMax: 20_000, everyMs: 100 } as const;

export interface LedgerEntry {
  /** The greatest value that was acknowledged; a later one that was not may have taken its place. */
  readonly acknowledged: number;
  /** The greatest value that was sent. */
  readonly sent: number;
}

/** What a client counted, or several together. */
export type Counted = Pick<CountingClient, 'ledger' | 'sent' | 'acknowledged' | 'slowestMs'>;

export function countedTogether(clients: readonly Counted[]): Counted {
  return {
    ledger: new Map(clients.flatMap(({ ledger }) => [...ledger])),
    sent: clients.reduce((sum, { sent }) => sum + sent, 0),
    acknowledged: clients.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    slowestMs: Math.max(...clients.map(({ slowestMs }) => slowestMs)),
  };
}

interface Point extends CellPlace {
  readonly value: number;
}

export class CountingClient {
  readonly #url: string;
  readonly #name: string;
  readonly #ledger = new Map<string, LedgerEntry>();
  readonly #firstSecond = Math.floor(Date.now() / 1_000) - REWRITTEN_CELLS;
  #batches = 0;
  #sent = 0;
  #acknowledged = 0;
  #slowestMs = 0;

  /** `name`: a tag of all its series, so that no two clients write the same. */
  constructor(url: string, name = 'client') {
    this.#url = `${url}/api/put`;
    this.#name = name;
  }

  /** Cells of which at least one write was acknowledged, by their keys. */
  get ledger(): ReadonlyMap<string, LedgerEntry> {
    return this.#ledger;
  }

  get sent(): number {
    return this.#sent;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The longest time between a request and its acknowledgement. */
  get slowestMs(): number {
    return this.#slowestMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const points = this.#nextBatch();
      this.#sent += points.length;
      const beganMs = performance.now();
      const isAcknowledged = await this.#post(points);
      const tookMs = performance.now() - beganMs;
      if (isAcknowledged) this.#slowestMs = Math.max(this.#slowestMs, tookMs);
      if (isAcknowledged) this.#acknowledged += points.length;
      for (const point of points) this.#note(point, isAcknowledged);
      await sleep(Math.max(1, LIMITS.everyMs - tookMs), undefined, { signal }).catch(
        () => undefined,
      );
    }
  }

  #nextBatch(): Point[] {
    this.#batches += 1;
    const count = this.#batches;
    const timestamp = Date.now();
    const points: Point[] = [];
    for (let series = 0; series < BATCH_POINTS_NEW; series += 1) {
      const tags = { source: this.#name, series: `${series}` };
      points.push({ metric: 'demo.new', timestamp, value: count * 100 + series, tags });
    }
    const rewritten = this.#firstSecond + (count % REWRITTEN_CELLS);
    const value = count % 2 === 0 ? count : count + 0.5;
    const tags = { source: this.#name };
    points.push({ metric: 'demo.rewritten', timestamp: rewritten, value, tags });
    return points;
  }

  async #post(points: readonly Point[]): Promise<boolean> {
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(points),
        signal: AbortSignal.timeout(LIMITS.answerMsMax),
      });
      await answer.body?.cancel();
      return answer.status === 204;
    } catch {
      // The proxy is down, or was killed before it answered.
      return false;
    }
  }

  #note(point: Point, isAcknowledged: boolean): void {
    const key = cellKey(point);
    const before = this.#ledger.get(key);
    const acknowledged = isAcknowledged ? point.value : before?.acknowledged;
    if (acknowledged !== undefined) this.#ledger.set(key, { acknowledged, sent: point.value });
  }
}
