import { comparePositions, type Position } from '../../record/position.ts';
import type { Chunk } from './chunk.ts';
import type { RefusedPoint } from './logged-point.ts';
import { cellGroup } from './point-key.ts';

/** A point that the primary refused after its client was told that it is safe. */
export interface Suspect extends RefusedPoint {
  /** It breaks the request that it is in, and is tried in one of its own. */
  readonly isAlone: boolean;
  /** Requests that were handled before one `isAlone` was set aside. */
  readonly handled: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly tries: number;
  /** Refused for good; it remains here until that is written down. */
  readonly isFinal: boolean;
}

/** More of them at once stop the delivery of what comes after. */
export const SUSPECTS_MAX = 10_000;
/** More of an error's words are not kept. */
const ERROR_LENGTH_MAX = 2_000;
const TRIES_MIN = 3;
const SPAN_MS_MIN = 60_000;
const RETRY_MS = 20_000;
/** How long a refusal that was final once counts at once for other points of the same metric. */
const KNOWN_MS = 600_000;

/**
 * Refusals that come too late for an error: tried again over at least three tries and one minute before
 * they are final, since an outage looks the same, and only if the primary was seen to store other points
 * meanwhile. A point whose instant was written again meanwhile is let go: the later write has decided it.
 */
export class Suspects {
  readonly #byCell = new Map<number, Suspect>();
  /** Metric and error of refusals that were final, with the time until which they count. */
  readonly #known = new Map<string, number>();

  get size(): number {
    return this.#byCell.size;
  }

  /** Notes a refusal. */
  add(refused: RefusedPoint, nowMs: number): void {
    const isFinal = (this.#known.get(reasonOf(refused)) ?? 0) > nowMs;
    this.#note(refused, nowMs, { isAlone: false, handled: 0, isFinal });
  }

  /** Notes a point that breaks every request it is in. `handled`: requests with others that were handled so far. */
  setAside(point: RefusedPoint, nowMs: number, handled: number): void {
    this.#note(point, nowMs, { isAlone: true, handled, isFinal: false });
  }

  /** A later write of the instant is on its way. */
  supersede(high: number, low: number): void {
    if (this.#byCell.size > 0) this.#byCell.delete(cellGroup(high, low));
  }

  /** Marks the lines of a chunk that are set aside: they are not sent with others again. */
  leaveOut(chunk: Chunk): void {
    if (![...this.#byCell.values()].some(({ isAlone }) => isAlone)) return;
    for (let line = 0; line < chunk.count; line += 1) {
      const cell = cellGroup(chunk.keyHigh[line] ?? 0, chunk.keyLow[line] ?? 0);
      const suspect = this.#byCell.get(cell);
      if (suspect?.isAlone !== true || suspect.index !== chunk.indexes[line]) continue;
      if (comparePositions(suspect.position, chunk.positionOf(line)) === 0)
        chunk.isBeaten[line] = 1;
    }
  }

  /** Those to be tried again now. */
  due(nowMs: number): Suspect[] {
    return [...this.#byCell.values()].filter(
      ({ lastMs, isFinal }) => !isFinal && lastMs + RETRY_MS <= nowMs,
    );
  }

  /** Those to be written down as refused for good. */
  final(): Suspect[] {
    return [...this.#byCell.values()].filter(({ isFinal }) => isFinal);
  }

  /** When there is next something to do. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { lastMs, isFinal } of this.#byCell.values()) {
      if (isFinal) return lastMs;
      next = Math.min(next ?? Infinity, lastMs + RETRY_MS);
    }
    return next;
  }

  /** It was taken after all, or is written down. */
  remove(suspect: Suspect): void {
    this.#byCell.delete(cellOf(suspect));
  }

  /** It was refused again. `provenMs`: when the primary was last seen to store; undefined: nothing could show that. */
  refuse(suspect: Suspect, error: string, nowMs: number, provenMs: number | undefined): void {
    const tries = suspect.tries + 1;
    const isLong = tries >= TRIES_MIN && nowMs - suspect.firstMs >= SPAN_MS_MIN;
    const isFinal = isLong && (provenMs === undefined || provenMs > suspect.lastMs);
    this.#byCell.set(cellOf(suspect), {
      ...suspect,
      error: error.slice(0, ERROR_LENGTH_MAX),
      tries,
      lastMs: nowMs,
      isFinal,
    });
    if (!isFinal || suspect.isAlone) return;
    if (this.#known.size >= SUSPECTS_MAX) this.#known.clear();
    this.#known.set(reasonOf({ ...suspect, error }), nowMs + KNOWN_MS);
  }

  /** The try told nothing: another follows in its time. */
  putOff(suspect: Suspect, nowMs: number): void {
    this.#byCell.set(cellOf(suspect), { ...suspect, lastMs: nowMs });
  }

  /** Delivery resumes at the cursor: what is still refused then comes up anew. */
  clear(): void {
    this.#byCell.clear();
  }

  /** The first position that is still open. */
  oldest(): Position | undefined {
    let oldest: Position | undefined;
    for (const { position } of this.#byCell.values()) {
      if (oldest === undefined || comparePositions(position, oldest) < 0) oldest = position;
    }
    return oldest;
  }

  #note(
    refused: RefusedPoint,
    nowMs: number,
    how: Pick<Suspect, 'isAlone' | 'handled' | 'isFinal'>,
  ): void {
    const error = refused.error.slice(0, ERROR_LENGTH_MAX);
    const times = { firstMs: nowMs, lastMs: nowMs, tries: 1 };
    this.#byCell.set(cellOf(refused), { ...refused, error, ...times, ...how });
  }
}

function cellOf({ high, low }: RefusedPoint): number {
  return cellGroup(high, low);
}

function reasonOf({ line, error }: RefusedPoint): string {
  return `${line.split(' ', 2)[1] ?? ''}\n${error}`;
}
