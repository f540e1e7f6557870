import type { Catalog } from '../archive/catalog.ts';
import { withInnerOf } from '../archive/inner-segments.ts';
import { parseObjectName, segmentOf } from '../archive/object-names.ts';
import type { Repository } from '../archive/repository.ts';
import { checkSegment } from '../archive/segment-check.ts';
import { withoutDamaged } from '../archive/without-damaged.ts';
import type { Clock } from '../runtime/clock.ts';

const CHECK_MS = 60_000;
/** All bytes are read for it. */
const CHECK_SHARE_MAX = 0.05;

/**
 * Segments that turned out to be damaged, where nothing else had all of their records. They count as not there while they are so: thereby what was put
 * back, or was made anew under the name that it had, is a hole that is filled.
 */
export class KnownDamage {
  readonly #store: Repository['store'];
  readonly #clock: Clock;
  /** By the names of their sidecars, and why. */
  readonly #damaged = new Map<string, string>();
  #nextCheckMs = -Infinity;

  constructor({ store }: Repository, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What is no segment is passed over. */
  note(object: string, reason: string): void {
    if (parseObjectName(object)?.kind === 'sidecar') this.#damaged.set(object, reason);
  }

  /** What a repository holds without them, with what stands in the place of merged ones. */
  async without(catalog: Catalog): Promise<Catalog> {
    return withoutDamaged(await withInnerOf(this.#store, catalog, this.#damaged), this.#damaged);
  }

  /** Looks now and then whether they are whole. */
  async check(signal: AbortSignal): Promise<void> {
    const beginMs = this.#clock.monotonicMs();
    if (beginMs < this.#nextCheckMs) return;
    for (const object of this.#damaged.keys()) {
      const name = parseObjectName(object);
      if (name?.kind !== 'sidecar') continue;
      const options = { isQuick: false, signal };
      const { kind } = await checkSegment(this.#store, segmentOf(name), options);
      if (kind === 'whole') this.#damaged.delete(object);
    }
    const endMs = this.#clock.monotonicMs();
    this.#nextCheckMs = endMs + Math.max(CHECK_MS, (endMs - beginMs) / CHECK_SHARE_MAX);
  }
}
