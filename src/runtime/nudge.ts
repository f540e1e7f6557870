import type { Clock } from './clock.ts';

/** A wait that others may end; what is given while nobody waits ends the next one. */
export class Nudge {
  #isGiven = false;
  #end: (() => void) | undefined;

  give(): void {
    this.#isGiven = true;
    this.#end?.();
  }

  /** Resolves when it is given, after so long at the latest. */
  async within(ms: number, clock: Clock): Promise<void> {
    const over = new AbortController();
    const given = new Promise<void>((resolve) => (this.#end = resolve));
    if (!this.#isGiven) {
      const slept = clock.sleep(ms, over.signal).then(() => true);
      // Without a reason it would make an error each time.
      if ((await Promise.race([given, slept])) !== true) over.abort('given');
    }
    this.#end = undefined;
    this.#isGiven = false;
  }
}
