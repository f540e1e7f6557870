import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import {
  dayOf,
  LEVELS,
  parseObjectName,
  segmentOf,
  type SegmentName,
} from '../format/object-names.ts';

/** What a listing shows of the segments of one lane whose last records were received on one day. */
export interface LaneDay {
  /** As `2025/03/04`, UTC. */
  readonly day: string;
  /** Those that have a sidecar, of all levels. */
  readonly segments: readonly SegmentName[];
  /** Names of data objects. */
  readonly data: readonly string[];
}

export interface LaneDaysOptions {
  readonly store: ObjectStore;
  readonly lane: string;
  /** The first one that is wanted. */
  readonly fromDay?: string;
  /** Is told the names that no object of a lane has. */
  readonly onStranger: (name: string) => void;
}

/**
 * The days of a lane, in order: what was merged lies on the day of its parts, so that a day at a time is enough to see
 * how they fit. The lower levels are listed first: what a merged segment stands for is not missed when it goes meanwhile.
 */
export async function* laneDays(options: LaneDaysOptions): AsyncGenerator<LaneDay> {
  const { store, lane, fromDay = '' } = options;
  const levels = LEVELS.map((level) => {
    const folder = `lanes/${lane}/${level}`;
    const listing = store.list(folder, fromDay === '' ? '' : `${folder}/${fromDay}`);
    return new LevelListing(listing, options.onStranger);
  });
  for (;;) {
    const days: string[] = [];
    for (const level of levels) days.push((await level.peek())?.day ?? '');
    const [day] = days.filter((one) => one !== '').toSorted();
    if (day === undefined) return;
    const segments: SegmentName[] = [];
    const data: string[] = [];
    for (const level of levels) {
      for (let next = await level.peek(); next?.day === day; next = await level.peek()) {
        level.take();
        if (next.segment === undefined) data.push(next.name);
        else segments.push(next.segment);
      }
    }
    yield { day, segments, data };
  }
}

interface Listed {
  readonly day: string;
  readonly name: string;
  /** Undefined for a data object. */
  readonly segment: SegmentName | undefined;
}

class LevelListing {
  readonly #names: AsyncIterator<ObjectInfo>;
  readonly #onStranger: (name: string) => void;
  #head: Listed | undefined;

  constructor(names: AsyncIterable<ObjectInfo>, onStranger: (name: string) => void) {
    this.#names = names[Symbol.asyncIterator]();
    this.#onStranger = onStranger;
  }

  /** Undefined at the end. */
  async peek(): Promise<Listed | undefined> {
    while (this.#head === undefined) {
      const next = await this.#names.next();
      if (next.done === true) return undefined;
      const { name } = next.value;
      const parsed = parseObjectName(name);
      if (parsed?.kind === 'sidecar') {
        this.#head = { day: dayOf(name), name, segment: segmentOf(parsed) };
      } else if (parsed?.kind === 'data') {
        this.#head = { day: dayOf(name), name, segment: undefined };
      } else this.#onStranger(name);
    }
    return this.#head;
  }

  take(): void {
    this.#head = undefined;
  }
}
