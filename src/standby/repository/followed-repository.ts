import type { Catalog } from '../../archive/holdings/catalog.ts';
import { FollowedCatalog } from '../../archive/holdings/followed-catalog.ts';
import { assertInPlace, type Repository } from '../../archive/repository.ts';
import { SearchedSegments } from '../../archive/search/searched-segments.ts';
import type { Fork } from '../../record/fork.ts';
import { SeenLanes } from '../source/seen-lanes.ts';
import type { KnownDamage } from './known-damage.ts';

/** What a repository has, look by look, without what is damaged. The lanes that are met thereby are noted. */
export class FollowedRepository {
  readonly seen = new SeenLanes();
  readonly #repository: Repository;
  readonly #damage: KnownDamage;
  #catalog: FollowedCatalog;

  constructor(repository: Repository, damage: KnownDamage) {
    this.#repository = repository;
    this.#damage = damage;
    this.#catalog = new FollowedCatalog(repository.store);
  }

  /** What it has now. Rejects when it is not where it was. */
  async look(): Promise<Catalog> {
    await assertInPlace(this.#repository);
    return this.#list();
  }

  /** The same, listed as if nothing had been known of it. */
  async lookAnew(): Promise<Catalog> {
    await assertInPlace(this.#repository);
    this.#catalog = new FollowedCatalog(this.#repository.store);
    return this.#list();
  }

  /** Whether what it has of that time on says the fork, by then; epoch ms. */
  async isSaidBy({ id, at }: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    const { sidecars } = await SearchedSegments.open({
      store: this.#repository.store,
      catalog: await this.#list(),
      local: new Map(),
      fromMs: at,
      signal,
    });
    return sidecars
      .flatMap(({ forks }) => forks ?? [])
      .some((one) => one.id === id && one.receivedAt <= byMs);
  }

  async #list(): Promise<Catalog> {
    const catalog = await this.#catalog.look();
    for (const [lane, { begin, objects }] of catalog.lanes) {
      const toMs = objects.reduce(
        (latest, one) => Math.max(latest, one.toMs),
        begin?.openedAt ?? 0,
      );
      this.seen.see(lane, toMs, objects.length > 0);
    }
    return this.#damage.without(catalog);
  }
}
