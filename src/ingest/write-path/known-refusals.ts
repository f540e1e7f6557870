import { comparePositions, type Position } from '../../record/position.ts';

/** Further ones are not remembered. */
const RECORDS_MAX = 100_000;

interface RefusedRecord {
  readonly position: Position;
  readonly indexes: Set<number>;
}

/**
 * The refusals that clients were told, or that are written down, of records that may be delivered again: refused again, they are no
 * news to anyone. About in the order of their records.
 */
export class KnownRefusals {
  readonly #records = new Map<string, RefusedRecord>();

  add(position: Position, index: number): void {
    const key = keyOf(position);
    const known = this.#records.get(key);
    if (known !== undefined) known.indexes.add(index);
    else if (this.#records.size < RECORDS_MAX) {
      this.#records.set(key, { position, indexes: new Set([index]) });
    }
  }

  /** It was not told after all. */
  remove(position: Pick<Position, 'lane' | 'seq'>, index: number): void {
    this.#records.get(keyOf(position))?.indexes.delete(index);
  }

  has(position: Pick<Position, 'lane' | 'seq'>, index: number): boolean {
    return this.#records.get(keyOf(position))?.indexes.has(index) === true;
  }

  /** Nothing up to `position` will be delivered again. Of those that are not in order, some are forgotten later. */
  forget(position: Position): void {
    for (const [key, record] of this.#records) {
      if (comparePositions(record.position, position) > 0) return;
      this.#records.delete(key);
    }
  }
}

function keyOf({ lane, seq }: Pick<Position, 'lane' | 'seq'>): string {
  return `${lane}/${seq}`;
}
