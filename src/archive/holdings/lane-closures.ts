import { listLanes, readLaneNotes } from './catalog.ts';
import type { Persistence } from '../persistence.ts';
import type { Repository } from '../repository.ts';
import type { Begin } from '../format/sidecar.ts';

/** What closed a lane for good, and after which record, as the repository tells. */
export type LaneClosure =
  /** By a later lane; `hasRecords`: something of that one, or of one after it, is archived, so that all of this one was sent. */
  | { readonly kind: 'followed'; readonly lastSeq: number; readonly hasRecords: boolean }
  /** By an operator. */
  | { readonly kind: 'retired'; readonly lastSeqs: readonly number[] };

/** Knows of each lane whether another follows it, or an operator retired it. Begins never change, so each is read once. */
export class LaneClosures {
  readonly #repository: Repository;
  readonly #persistence: Persistence;
  readonly #begins = new Map<string, Begin>();
  readonly #withRecords = new Set<string>();

  constructor(repository: Repository, persistence: Persistence) {
    this.#repository = repository;
    this.#persistence = persistence;
  }

  /** Looks for lanes that are new. */
  async refresh(): Promise<void> {
    await this.#persistence.timely(this.#refresh());
  }

  /** Lanes of a topic that another follows, as far as is known by the last refresh. */
  followed(topic: string): string[] {
    const lanes: string[] = [];
    for (const { previous } of this.#begins.values()) {
      if (previous !== null && this.#begins.get(previous.lane)?.topic === topic)
        lanes.push(previous.lane);
    }
    return lanes;
  }

  /** Undefined while nothing tells. */
  async of(lane: string): Promise<LaneClosure | undefined> {
    const next = this.#next(lane);
    const lastSeqs = next.flatMap(({ previous }) => previous?.lastSeq ?? []);
    if (lastSeqs.length > 0) {
      const hasRecords = await this.#persistence.timely(this.#hasRecordsAfter(lane));
      return { kind: 'followed', lastSeq: Math.max(...lastSeqs), hasRecords };
    }
    const { retirements } = await this.#persistence.timely(
      readLaneNotes(this.#repository.store, lane, []),
    );
    if (retirements.length === 0) return undefined;
    return { kind: 'retired', lastSeqs: retirements.map(({ lastSeq }) => lastSeq) };
  }

  async #refresh(): Promise<void> {
    const { store } = this.#repository;
    for await (const lane of listLanes(store, [])) {
      if (this.#begins.has(lane)) continue;
      const { begin } = await readLaneNotes(store, lane, []);
      if (begin !== undefined) this.#begins.set(lane, begin);
    }
  }

  #next(lane: string): Begin[] {
    return [...this.#begins.values()].filter(({ previous }) => previous?.lane === lane);
  }

  async #hasRecordsAfter(lane: string): Promise<boolean> {
    for (const next of this.#next(lane)) {
      if (await this.#hasRecords(next.lane)) return true;
      if (await this.#hasRecordsAfter(next.lane)) return true;
    }
    return false;
  }

  async #hasRecords(lane: string): Promise<boolean> {
    if (this.#withRecords.has(lane)) return true;
    for await (const _ of this.#repository.store.list(`lanes/${lane}/minute`)) {
      this.#withRecords.add(lane);
      return true;
    }
    return false;
  }
}
