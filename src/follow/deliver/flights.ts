import { assert } from '../../runtime/errors.ts';
import type { Applied, Applier } from './applier.ts';
import type { Batch } from './batch.ts';
import type { Chunk } from './chunk.ts';
import type { Flight } from './flight.ts';

export const TELNET_FLIGHTS_MAX = 4;

/** Batches on their way, in the order they were sent: one of HTTP, or several of telnet on one connection, never both. */
export class Flights {
  readonly #all: Flight[] = [];

  /** The one that lands first. */
  get first(): Flight | undefined {
    return this.#all[0];
  }

  get chunks(): Chunk[] {
    return this.#all.map(({ batch }) => batch.chunk);
  }

  get batches(): Batch[] {
    return this.#all.map(({ batch }) => batch);
  }

  /** Whether another batch may be sent. `isCareful`: one at a time. */
  hasRoom(telnet: boolean, isCareful: boolean): boolean {
    if (this.#all.length === 0) return true;
    const isAllTelnet = this.#all.every(({ batch }) => batch.telnet);
    const flightsMax = isCareful ? 1 : TELNET_FLIGHTS_MAX;
    return telnet && isAllTelnet && this.#all.length < flightsMax;
  }

  add(flight: Flight): void {
    this.#all.push(flight);
  }

  /** The first one is over. */
  land(): void {
    this.#all.shift();
  }

  /** Finds out which lines of the first one were refused, which puts them after what was sent since: that is then sent again. */
  async locateFirst(applier: Applier): Promise<Applied> {
    await Promise.all(this.#all.map(({ answer }) => answer));
    const [first, ...later] = this.#all;
    assert(first !== undefined, 'a flight has landed');
    const applied = await applier.locate(first.batch);
    if (applied.kind === 'failed' && applied.fault !== 'storage') return applied;
    for (const next of later) {
      if (next.batch.lines.length > 0) next.answer = applier.apply(next.batch);
    }
    return applied;
  }

  /** Waits for all of them and forgets them; nothing is known of what became of them. */
  async drop(): Promise<readonly Flight[]> {
    await Promise.all(this.#all.map(({ answer }) => answer));
    return this.#all.splice(0);
  }
}
