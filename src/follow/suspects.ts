import { comparePositions, type Position } from '../record/position.ts';
import { cellGroup } from './point-key.ts';

/** A point that the primary refused after its client was told that it is safe. */
export interface Suspect {
  readonly position: Position;
  /** Place of the line in its record. */
  readonly index: number;
  readonly line: string;
  readonly telnet: boolean;
  readonly high: number;
  readonly low: number;
  readonly error: string;
  readonly firstMs: number;
  readonly tries: number;
  readonly nextMs: number;
}

/** More of them at once stop the delivery of what comes after. */
export const SUSPECTS_MAX = 10_000;
const TRIES_MIN = 3;
const SPAN_MS_MIN = 60_000;
const RETRY_MS = 20_000;
/** How long a refusal that was final once counts at once for other points of the same metric. */
const KNOWN_MS = 600_000;

/**
 * Refusals that come too late for an error: tried again over at least three tries and one minute before
 * they are final, since an outage looks the same. A point whose instant was written again meanwhile is
 * let go: the later write has decided it.
 */
export class Suspects {
  readonly #byCell = new Map<number, Suspect>();
  /** Metric and error of refusals that were final, with the time until which they count. */
  readonly #known = new Map<string, number>();

  get size(): number {
    return this.#byCell.size;
  }

  /** Notes a refusal; returns it when it is final at once. */
  add(refused: Omit<Suspect, 'firstMs' | 'tries' | 'nextMs'>, nowMs: number): Suspect | undefined {
    const suspect = { ...refused, firstMs: nowMs, tries: 1, nextMs: nowMs + RETRY_MS };
    if ((this.#known.get(reasonOf(suspect)) ?? 0) > nowMs) return suspect;
    this.#byCell.set(cellGroup(suspect.high, suspect.low), suspect);
    return undefined;
  }

  /** A later write of the instant is on its way. */
  supersede(high: number, low: number): void {
    if (this.#byCell.size > 0) this.#byCell.delete(cellGroup(high, low));
  }

  /** Those to be tried again now. */
  due(nowMs: number, max: number): Suspect[] {
    return [...this.#byCell.values()].filter(({ nextMs }) => nextMs <= nowMs).slice(0, max);
  }

  /** When the next is to be tried. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { nextMs } of this.#byCell.values()) next = Math.min(next ?? nextMs, nextMs);
    return next;
  }

  /** It was taken after all. */
  accept(suspect: Suspect): void {
    this.#byCell.delete(cellGroup(suspect.high, suspect.low));
  }

  /** It was refused again; returned when that is final. */
  refuse(suspect: Suspect, error: string, nowMs: number): Suspect | undefined {
    const again = { ...suspect, error, tries: suspect.tries + 1, nextMs: nowMs + RETRY_MS };
    const isFinal = again.tries >= TRIES_MIN && nowMs - again.firstMs >= SPAN_MS_MIN;
    if (!isFinal) {
      this.#byCell.set(cellGroup(again.high, again.low), again);
      return undefined;
    }
    this.accept(suspect);
    this.#known.set(reasonOf(again), nowMs + KNOWN_MS);
    if (this.#known.size > SUSPECTS_MAX) this.#known.clear();
    return again;
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
}

function reasonOf({ line, error }: Suspect): string {
  return `${line.split(' ', 2)[1] ?? ''}\n${error}`;
}
