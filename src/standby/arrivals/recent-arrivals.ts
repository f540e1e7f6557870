import type { Arrival } from './arrival-index.ts';

/** Arrivals that were passed on, and whose records are kept as long as there is room: the target may fail to take them. */
export class RecentArrivals {
  readonly #bytesMax: number;
  /** The oldest first. */
  #arrivals: Arrival[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#bytes += arrival.bytes;
  }

  /** Lets the records of the oldest go while there are too many. */
  trim(): void {
    let gone = 0;
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#arrivals[gone];
      if (oldest === undefined) break;
      oldest.frame = undefined;
      this.#bytes -= oldest.bytes;
      gone += 1;
    }
    if (gone > 0) this.#arrivals.splice(0, gone);
  }

  /** Lets all records go. */
  clear(): void {
    for (const arrival of this.#arrivals) arrival.frame = undefined;
    this.#arrivals = [];
    this.#bytes = 0;
  }
}
