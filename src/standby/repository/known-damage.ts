import type { Catalog } from '../../archive/holdings/catalog.ts';
import { withInnerOf } from '../../archive/holdings/inner-segments.ts';
import { parseObjectName, segmentOf } from '../../archive/format/object-names.ts';
import type { Repository } from '../../archive/repository.ts';
import { checkSegment } from '../../archive/verify/segment-check.ts';
import { withoutDamaged } from '../../archive/holdings/without-damaged.ts';
import type { Clock } from '../../runtime/clock.ts';

/** The sidecar of a segment, and what is wrong with it or its data. */
export interface DamagedObject {
  readonly object: string;
  readonly reason: string;
}

export interface KnownDamageOptions {
  readonly repository: Repository;
  readonly clock: Clock;
  /** What was known before. */
  readonly known: readonly DamagedObject[];
  /** Called with all that is known, at each change. */
  readonly changed: (known: readonly DamagedObject[]) => void;
}

const CHECK_MS = 60_000;
/** All bytes are read for it. */
const CHECK_SHARE_MAX = 0.05;

/**
 * Segments that turned out to be damaged, where nothing else had all of their records. They count as not there while they are so: thereby what was put
 * back, or was made anew under the name that it had, is a hole that is filled.
 */
export class KnownDamage {
  readonly #options: KnownDamageOptions;
  /** By the names of their sidecars, and why. */
  readonly #damaged: Map<string, string>;
  #nextCheckMs = -Infinity;

  constructor(options: KnownDamageOptions) {
    this.#options = options;
    this.#damaged = new Map(options.known.map(({ object, reason }) => [object, reason]));
  }

  /** What is no segment is passed over. */
  note(object: string, reason: string): void {
    if (parseObjectName(object)?.kind !== 'sidecar') return;
    this.#damaged.set(object, reason);
    this.#tell();
  }

  /** What a repository holds without them, with what stands in the place of merged ones. */
  async without(catalog: Catalog): Promise<Catalog> {
    const { store } = this.#options.repository;
    return withoutDamaged(await withInnerOf(store, catalog, this.#damaged), this.#damaged);
  }

  /** Looks now and then whether they are whole. */
  async check(signal: AbortSignal): Promise<void> {
    const { repository, clock } = this.#options;
    const beginMs = clock.monotonicMs();
    if (beginMs < this.#nextCheckMs) return;
    const { size } = this.#damaged;
    for (const object of this.#damaged.keys()) {
      const name = parseObjectName(object);
      if (name?.kind !== 'sidecar') continue;
      const options = { isQuick: false, signal };
      const { kind } = await checkSegment(repository.store, segmentOf(name), options);
      if (kind === 'whole') this.#damaged.delete(object);
    }
    if (this.#damaged.size < size) this.#tell();
    const endMs = clock.monotonicMs();
    this.#nextCheckMs = endMs + Math.max(CHECK_MS, (endMs - beginMs) / CHECK_SHARE_MAX);
  }

  #tell(): void {
    this.#options.changed([...this.#damaged].map(([object, reason]) => ({ object, reason })));
  }
}
