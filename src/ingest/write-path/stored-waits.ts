import { comparePositions, type Position } from '../../record/position.ts';

/** More requests that wait for proof are answered as if it had not come in time. */
const WAITS_MAX = 10_000;

interface StoredWait {
  readonly position: Position;
  readonly settle: () => void;
}

/** Requests that wait for proof that the primary has stored what they wrote. */
export class StoredWaits {
  readonly #waits = new Set<StoredWait>();
  #stored: Position | undefined;

  get isEmpty(): boolean {
    return this.#waits.size === 0;
  }

  /** Settles when all up to `position` is proven stored, or after `timeoutMs` (0: no limit). */
  async until(position: Position, timeoutMs: number): Promise<'stored' | 'timeout'> {
    if (this.#stored !== undefined && comparePositions(position, this.#stored) <= 0)
      return 'stored';
    if (this.#waits.size >= WAITS_MAX) return 'timeout';
    return new Promise((resolve) => {
      const wait = { position, settle: () => finish('stored') };
      const timer = timeoutMs > 0 ? setTimeout(() => finish('timeout'), timeoutMs) : undefined;
      // A process that is otherwise done need not wait for it.
      timer?.unref();
      const finish = (result: 'stored' | 'timeout'): void => {
        clearTimeout(timer);
        this.#waits.delete(wait);
        resolve(result);
      };
      this.#waits.add(wait);
    });
  }

  /** All up to `position` is proven stored. */
  stored(position: Position): void {
    this.#stored = position;
    for (const wait of this.#waits) {
      if (comparePositions(wait.position, position) <= 0) wait.settle();
    }
  }
}
