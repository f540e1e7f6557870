import type { Catalog } from '../archive/catalog.ts';
import { computeCoverage, type Coverage, type CoverageHole } from '../archive/coverage.ts';
import type { Duckdb } from '../archive/duckdb.ts';
import { FollowedCatalog } from '../archive/followed-catalog.ts';
import { assertInPlace, type Repository } from '../archive/repository.ts';
import { type SearchEvent, searchWrites } from '../archive/search.ts';
import { SearchedSegments } from '../archive/searched-segments.ts';
import type { Fork } from '../record/fork.ts';
import type { LaneFrame } from '../record/lane-frame.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Frontier, frontierOf, isEarlier, placeBefore } from './frontier.ts';
import { type CoveredLanes, coveredLanes, lateLanes } from './late-objects.ts';
import { lacking, type LanePlace, type Place } from './place.ts';
import { type SeenLane, SeenLanes } from './seen-lanes.ts';
import type { SourceRead, StandbySource } from './standby-source.ts';
import { WritePacker } from './write-packer.ts';

export interface RepositorySourceOptions {
  readonly repository: Repository;
  /** Its own: closed with it. */
  readonly duckdb: Duckdb;
  readonly clock: Clock;
  readonly events: RepositorySourceEvents;
}

interface RepositorySourceEvents {
  /** A change went to the primary without being logged. */
  bypassed(event: Extract<SearchEvent, { kind: 'bypass' }>): void;
  /** What can't be read, and is done without if nothing else holds it. */
  damaged(object: string, reason: string): void;
}

/** The archive grows about once a minute. */
const LOOK_MS = 5_000;

/**
 * What a repository holds of all lanes, up to its safe time: everything received up to then is there, or known to be missing. A lane that the
 * repository didn't know of by then, or a hole that is filled, is late: all since then is given again. Points only: what primaries refused is left out by then, and ticks are not archived.
 */
export class RepositorySource implements StandbySource {
  readonly #options: RepositorySourceOptions;
  readonly #closing = new AbortController();
  #reads: AsyncGenerator<SourceRead> | undefined;
  #lanes = new Map<string, LanePlace>();
  #sinceMs: number | null = null;
  /** Where it began, until something was given since. */
  #sought: Place | undefined;
  /** Everything up to then was given, epoch ms. */
  #readToMs = -Infinity;
  /** Receive time of the last record that was given, epoch ms. */
  #givenMs = -Infinity;
  /** As far as the reading that is under way goes. */
  #readingToMs = -Infinity;
  #nextLookMs = -Infinity;
  /** What was there at the last reading. */
  #covered: CoveredLanes = new Map();
  readonly #told = new Set<string>();

  #followed: FollowedCatalog;

  constructor(options: RepositorySourceOptions) {
    this.#options = options;
    this.#followed = new FollowedCatalog(options.repository.store);
  }

  readonly #seen = new SeenLanes();

  readonly unread = 0;

  get lanes(): ReadonlyMap<string, SeenLane> {
    return this.#seen.all;
  }

  /** It lags as the archive does: what was received behind its safe time isn't there. */
  get heldSinceMs(): number | undefined {
    return this.#readToMs === -Infinity ? undefined : this.#readToMs;
  }

  completeToMs(): number {
    return Math.max(this.#readToMs, this.#givenMs - 1);
  }

  /** What is archived is told before anything of it is given. */
  forksAhead(): Promise<readonly Fork[]> {
    return Promise.resolve([]);
  }

  async isSaidBy({ id, at }: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options.repository;
    const catalog = await this.#catalog();
    const { sidecars } = await SearchedSegments.open({
      store,
      catalog,
      local: new Map(),
      fromMs: at,
      signal,
    });
    return sidecars
      .flatMap(({ forks }) => forks ?? [])
      .some((one) => one.id === id && one.receivedAt <= byMs);
  }

  async seek(place: Place): Promise<void> {
    await this.#end();
    const { repository } = this.#options;
    await assertInPlace(repository);
    this.#followed = new FollowedCatalog(repository.store);
    const catalog = await this.#catalog();
    const start = startOf(catalog, place);
    this.#covered = coveredLanes(computeCoverage(catalog));
    this.#sought = place;
    this.#sinceMs = place.sinceMs;
    this.#lanes = new Map(place.lanes);
    this.#readToMs = start.ms - 1;
    this.#givenMs = -Infinity;
    this.#nextLookMs = -Infinity;
  }

  async next(): Promise<SourceRead | undefined> {
    for (;;) {
      this.#reads ??= await this.#look();
      if (this.#reads === undefined) return undefined;
      try {
        const step: IteratorResult<SourceRead, unknown> = await this.#reads.next();
        if (step.done !== true) return step.value;
      } catch (error) {
        this.#reads = undefined;
        throw error;
      }
      this.#reads = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#end();
    this.#options.duckdb.close();
  }

  async #catalog(): Promise<Catalog> {
    const catalog = await this.#followed.look();
    for (const [lane, { begin, objects }] of catalog.lanes) {
      const toMs = objects.reduce(
        (latest, one) => Math.max(latest, one.toMs),
        begin?.openedAt ?? 0,
      );
      this.#seen.see(lane, toMs, objects.length > 0);
    }
    return catalog;
  }

  async #end(): Promise<void> {
    const reads = this.#reads;
    this.#reads = undefined;
    await reads?.return(undefined);
  }

  /** What was archived since; undefined when that is nothing, or it isn't time yet. */
  async #look(): Promise<AsyncGenerator<SourceRead> | undefined> {
    const { clock, repository } = this.#options;
    if (clock.monotonicMs() < this.#nextLookMs) return undefined;
    this.#nextLookMs = clock.monotonicMs() + LOOK_MS;
    await assertInPlace(repository);
    const catalog = await this.#catalog();
    const coverage = computeCoverage(catalog);
    const safeMs = coverage.safeTimeMs ?? latestOf(catalog);
    if (safeMs < this.#readToMs) return undefined;
    const covered = coveredLanes(coverage);
    const again = this.#lateIn(covered);
    if (again === undefined && safeMs === this.#readToMs) return undefined;
    this.#covered = covered;
    this.#readingToMs = safeMs;
    return this.#read(catalog, coverage, again);
  }

  /** Goes back to the first that came late. */
  #lateIn(covered: CoveredLanes): SourceRead | undefined {
    const sinceMs = this.#sinceMs;
    const range = { sinceMs: sinceMs ?? -Infinity, readToMs: this.#readToMs };
    const late = lateLanes(this.#covered, covered, range);
    let first: Frontier | undefined;
    for (const [lane, ms] of late) {
      if (first === undefined || isEarlier({ ms, lane }, first)) first = { ms, lane };
    }
    if (first === undefined) return undefined;
    const given = { sinceMs, latestMs: this.#readToMs, lanes: this.#lanes };
    const place = placeBefore(given, first);
    const lanes = new Map(place.lanes);
    for (const [lane, receivedAt] of late) {
      const at = lanes.get(lane);
      // It may be before what was given of it.
      if (at !== undefined && at.seq > 0)
        lanes.set(lane, { ordinal: at.ordinal, seq: 0, receivedAt });
    }
    this.#sought = undefined;
    this.#lanes = new Map(lanes);
    this.#readToMs = first.ms - 1;
    this.#givenMs = -Infinity;
    return {
      kind: 'again',
      place: { ...place, lanes },
      reason: `lane ${first.lane} came late into the repository`,
    };
  }

  async *#read(
    catalog: Catalog,
    { holes }: Coverage,
    again: SourceRead | undefined,
  ): AsyncGenerator<SourceRead> {
    if (again !== undefined) yield again;
    const { repository, duckdb, events } = this.#options;
    const readingToMs = this.#readingToMs;
    const knownToMs = Math.max(this.#readToMs, this.#sinceMs ?? -Infinity);
    const packer = new WritePacker((lane) => ordinalOf(catalog, lane));
    const missing = holes.filter((hole) => this.#isNew(hole, readingToMs));
    const found = searchWrites({
      store: repository.store,
      catalog,
      local: new Map(),
      duckdb,
      filter: { received: { from: Math.max(0, this.#readToMs + 1), to: readingToMs + 1 } },
      limit: Infinity,
      signal: this.#closing.signal,
    });
    for await (const event of found) {
      // What was said before was met before, or the restore that this began with went by it.
      if (event.kind === 'fork' && event.fork.receivedAt > knownToMs) {
        yield { kind: 'fork', fork: event.fork };
      }
      if (event.kind === 'writes') yield* this.#give(packer.take(event.writes), catalog, missing);
      else if (event.kind === 'bypass') events.bypassed(event);
      else if (event.kind === 'damage') events.damaged(event.object, event.reason);
    }
    yield* this.#give(packer.end(), catalog, missing);
    for (const hole of missing.splice(0)) yield this.#pass(hole, catalog);
    this.#readToMs = readingToMs;
  }

  /** Each hole comes before what follows it in its lane, and before what was received behind the record that it follows. */
  *#give(
    frames: readonly LaneFrame[],
    catalog: Catalog,
    missing: CoverageHole[],
  ): Generator<SourceRead> {
    for (const frame of frames) {
      for (const hole of missing.filter((one) => isBefore(one, frame))) {
        missing.splice(missing.indexOf(hole), 1);
        yield this.#pass(hole, catalog);
      }
      const wanted = lacking(frame, { sinceMs: this.#sinceMs, lanes: this.#lanes });
      if (wanted === undefined) continue;
      const { lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = wanted;
      const again = this.#againFor({ ms: wanted.firstReceivedAt, lane });
      if (again !== undefined) yield again;
      this.#lanes.set(lane, { ordinal, seq, receivedAt });
      this.#givenMs = receivedAt;
      yield { kind: 'frame', frame: wanted };
    }
  }

  /** What a lane lacks of before is behind what others wrote since: that is to be applied again. */
  #againFor(first: Frontier): SourceRead | undefined {
    const sought = this.#sought;
    this.#sought = undefined;
    if (sought === undefined || !isEarlier(first, frontierOf(sought))) return undefined;
    const place = placeBefore({ ...sought, lanes: this.#lanes }, first);
    this.#lanes = new Map(place.lanes);
    return { kind: 'again', place, reason: `lane ${first.lane} lacks what was received before` };
  }

  #isNew(hole: CoverageHole, toMs: number): boolean {
    if (hole.fromMs > toMs || this.#told.has(nameOf(hole))) return false;
    return (hole.lastSeq ?? hole.firstSeq) > (this.#lanes.get(hole.lane)?.seq ?? 0);
  }

  #pass(missing: CoverageHole, catalog: Catalog): SourceRead {
    this.#told.add(nameOf(missing));
    const { lane, firstSeq: from, lastSeq, fromMs, reason } = missing;
    const ordinal = ordinalOf(catalog, lane);
    const to = lastSeq ?? from;
    this.#lanes.set(lane, { ordinal, seq: to, receivedAt: fromMs });
    return { kind: 'hole', ordinal, hole: { lane, from, to, reason } };
  }
}

function isBefore({ lane, firstSeq, fromMs }: CoverageHole, frame: LaneFrame): boolean {
  return fromMs < frame.firstReceivedAt || (lane === frame.lane && firstSeq < frame.firstSeq);
}

function nameOf({ lane, firstSeq }: CoverageHole): string {
  return `${lane}/${firstSeq}`;
}

function ordinalOf({ lanes }: Catalog, lane: string): number {
  return lanes.get(lane)?.begin?.ordinal ?? 1;
}

/** The receive time of the last record that there is. */
function latestOf({ lanes }: Catalog): number {
  let latestMs = -Infinity;
  for (const { objects } of lanes.values()) {
    for (const { toMs } of objects) latestMs = Math.max(latestMs, toMs);
  }
  return latestMs;
}

/** Everything that the place lacks comes behind that. */
function startOf({ lanes }: Catalog, place: Place): Frontier {
  let start = frontierOf(place);
  for (const [lane, { objects }] of lanes) {
    const at = place.lanes.get(lane);
    const firstMs = objects.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity);
    const ms = at?.receivedAt ?? Math.max(place.sinceMs ?? -Infinity, firstMs);
    const lacks = objects.some(({ lastSeq, toMs }) =>
      at === undefined || at.seq === 0 ? toMs > ms : lastSeq > at.seq,
    );
    if (lacks && isEarlier({ ms, lane }, start)) start = { ms, lane };
  }
  return start;
}
