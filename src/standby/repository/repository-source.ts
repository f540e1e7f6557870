import type { Catalog } from '../../archive/holdings/catalog.ts';
import {
  computeCoverage,
  type Coverage,
  type CoverageHole,
} from '../../archive/holdings/coverage.ts';
import type { Duckdb } from '../../archive/duckdb.ts';
import { FollowedCatalog } from '../../archive/holdings/followed-catalog.ts';
import { assertInPlace, type Repository } from '../../archive/repository.ts';
import { type SearchEvent, searchWrites } from '../../archive/search/search.ts';
import { SearchedSegments } from '../../archive/search/searched-segments.ts';
import type { Fork } from '../../record/fork.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Clock } from '../../runtime/clock.ts';
import { latestOf, startOf, withLate } from './archived-times.ts';
import { EndsAhead } from './ends-ahead.ts';
import { type Frontier, frontierOf, isEarlier, placeBefore } from '../source/frontier.ts';
import { HolesAhead, recordsOf } from './holes-ahead.ts';
import { type DamagedObject, KnownDamage } from './known-damage.ts';
import { type CoveredLanes, coveredLanes, lateLanes, withoutHole } from './late-objects.ts';
import { lacking, type LanePlace, type Place } from '../place.ts';
import { type SeenLane, SeenLanes } from '../source/seen-lanes.ts';
import type { SourceRead, StandbySource } from '../source/standby-source.ts';
import { WritePacker } from './write-packer.ts';

export interface RepositorySourceOptions {
  readonly repository: Repository;
  /** Its own: closed with it. */
  readonly duckdb: Duckdb;
  readonly clock: Clock;
  /** What of the repository was known to be damaged before. */
  readonly damaged: readonly DamagedObject[];
  readonly events: RepositorySourceEvents;
}

interface RepositorySourceEvents {
  /** A change went to the primary without being logged. */
  bypassed(event: Extract<SearchEvent, { kind: 'bypass' }>): void;
  /** What can't be read, and is done without if nothing else holds it. */
  damaged(object: string, reason: string): void;
  /** All of that which loses records, at each change: for the next start. */
  losing(damaged: readonly DamagedObject[]): void;
}

/** The archive grows about once a minute. */
const LOOK_MS = 5_000;
/** Looking takes at most this part of the time. */
const LOOK_SHARE_MAX = 0.1;

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
  /** Of what was given before the last seeking: what the place has forgotten was received so long before. Epoch ms. */
  #soughtMs: number | null = null;
  /** Where it began, until something was given since. */
  #sought: Place | undefined;
  /** Everything up to then was given, epoch ms. */
  #readToMs = -Infinity;
  /** Receive time of the last record that was given, epoch ms. */
  #givenMs = -Infinity;
  /** As far as the reading that is under way goes. */
  #readingToMs = -Infinity;
  #nextLookMs = -Infinity;
  /** What was there at the last look, also of one before it was sought back; what is there since is late where it is after what was read. */
  #covered: CoveredLanes | undefined;
  readonly #holes = new HolesAhead();
  #ends: EndsAhead | undefined;
  readonly #damage: KnownDamage;
  #followed: FollowedCatalog;

  constructor(options: RepositorySourceOptions) {
    const { repository, clock } = options;
    this.#options = options;
    this.#followed = new FollowedCatalog(repository.store);
    this.#damage = new KnownDamage({
      repository,
      clock,
      known: options.damaged,
      changed: (damaged) => options.events.losing(damaged),
    });
  }

  readonly #seen = new SeenLanes();

  readonly unread = 0;

  get lanes(): ReadonlyMap<string, SeenLane> {
    return this.#seen.all;
  }

  isPrimary(origin: string): boolean {
    return this.#seen.isPrimary(origin);
  }

  /** It lags as the archive does: what was received after its safe time isn't there. */
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

  async seek(given: Place): Promise<void> {
    await this.#end();
    const { repository } = this.#options;
    await assertInPlace(repository);
    this.#followed = new FollowedCatalog(repository.store);
    const catalog = await this.#catalog();
    // After the first look it is known what came late.
    const isFirst = this.#covered === undefined;
    const place = isFirst ? await withLate(repository, catalog, given) : given;
    const start = startOf(catalog, place);
    this.#covered ??= coveredLanes(computeCoverage(catalog));
    this.#sought = place;
    this.#sinceMs = place.sinceMs;
    this.#soughtMs = place.latestMs;
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
    return this.#damage.without(catalog);
  }

  get #place(): Place {
    return { sinceMs: this.#sinceMs, latestMs: this.#soughtMs, lanes: this.#lanes };
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
    const beganMs = clock.monotonicMs();
    this.#nextLookMs = beganMs + LOOK_MS;
    await assertInPlace(repository);
    const catalog = await this.#catalog();
    const tookMs = clock.monotonicMs() - beganMs;
    this.#nextLookMs = beganMs + Math.max(LOOK_MS, tookMs / LOOK_SHARE_MAX);
    const coverage = computeCoverage(catalog);
    // Where all lanes have ended nothing is to come, also while the last of what was read isn't there.
    const safeMs = coverage.safeTimeMs ?? Math.max(latestOf(catalog), this.#readToMs);
    if (safeMs < this.#readToMs) return undefined;
    const covered = coveredLanes(coverage);
    const again = this.#lateIn(catalog, covered, coverage.holes);
    if (again === undefined) {
      this.#covered = covered;
      // After that: what is whole again by now is late at the next look.
      await this.#damage.check(this.#closing.signal);
      if (safeMs === this.#readToMs) return undefined;
    }
    this.#readingToMs = safeMs;
    return this.#read(catalog, coverage, again);
  }

  /** Goes back to the first that came late. */
  #lateIn(
    catalog: Catalog,
    covered: CoveredLanes,
    holes: readonly CoverageHole[],
  ): SourceRead | undefined {
    const sinceMs = this.#sinceMs;
    const range = { sinceMs: sinceMs ?? -Infinity, readToMs: this.#readToMs };
    const late = lateLanes(this.#covered ?? covered, covered, range);
    let first: Frontier | undefined;
    for (const [lane, ms] of late) {
      if (first === undefined || isEarlier({ ms, lane }, first)) first = { ms, lane };
    }
    if (first === undefined) return undefined;
    const given = { sinceMs, latestMs: this.#readToMs, lanes: this.#lanes };
    const place = placeBefore(given, first);
    const lanes = new Map(place.lanes);
    for (const [lane, receivedAt] of late) {
      // It may be before what was given of it; and of one that is as old as what is forgotten nothing is said yet.
      if (lanes.get(lane)?.seq !== 0)
        lanes.set(lane, { ordinal: ordinalOf(catalog, lane), seq: 0, receivedAt });
    }
    this.#sought = undefined;
    this.#lanes = new Map(lanes);
    this.#readToMs = first.ms - 1;
    this.#givenMs = -Infinity;
    return {
      kind: 'again',
      place: { ...place, lanes },
      reason: `lane ${first.lane} came late into the repository`,
      missing: holes.map(recordsOf),
    };
  }

  async *#read(
    catalog: Catalog,
    coverage: Coverage,
    again: SourceRead | undefined,
  ): AsyncGenerator<SourceRead> {
    if (again !== undefined) {
      yield again;
      // Who is sought back instead of going on meets it at the next look.
      this.#covered = coveredLanes(coverage);
    }
    const { repository, duckdb, events } = this.#options;
    const readingToMs = this.#readingToMs;
    const knownToMs = Math.max(this.#readToMs, this.#sinceMs ?? -Infinity);
    const packer = new WritePacker((lane) => ordinalOf(catalog, lane));
    this.#holes.begin();
    this.#ends = new EndsAhead(catalog, readingToMs, (lane) => ordinalOf(catalog, lane));
    this.#expect(coverage.holes);
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
      if (event.kind === 'writes') yield* this.#give(packer.take(event.writes), catalog);
      else if (event.kind === 'bypass') events.bypassed(event);
      else if (event.kind === 'hole') {
        this.#covered &&= withoutHole(this.#covered, event.hole);
        this.#expect([event.hole]);
      } else if (event.kind === 'damage') {
        if (!event.held) this.#damage.note(event.object, event.reason);
        events.damaged(event.object, event.reason);
      }
    }
    yield* this.#give(packer.end(), catalog);
    yield* this.#pass(this.#holes.pass(), catalog);
    yield* this.#passEnds(Infinity);
    this.#readToMs = readingToMs;
  }

  *#give(frames: readonly LaneFrame[], catalog: Catalog): Generator<SourceRead> {
    for (const frame of frames) {
      yield* this.#pass(this.#holes.pass(frame), catalog);
      yield* this.#passEnds(frame.firstReceivedAt);
      const wanted = lacking(frame, this.#place);
      if (wanted === undefined) continue;
      const { lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = wanted;
      const again = this.#againFor({ ms: wanted.firstReceivedAt, lane });
      if (again !== undefined) yield again;
      this.#lanes.set(lane, { ordinal, seq, receivedAt });
      this.#givenMs = receivedAt;
      yield { kind: 'frame', frame: wanted };
    }
  }

  /** What a lane lacks of before is after what others wrote since: that is to be applied again. */
  #againFor(first: Frontier): SourceRead | undefined {
    const sought = this.#sought;
    this.#sought = undefined;
    if (sought === undefined || !isEarlier(first, frontierOf(sought))) return undefined;
    const place = placeBefore({ ...sought, lanes: this.#lanes }, first);
    this.#lanes = new Map(place.lanes);
    return { kind: 'again', place, reason: `lane ${first.lane} lacks what was received before` };
  }

  /** Those of what is read are to come. */
  #expect(holes: readonly CoverageHole[]): void {
    const read = holes.filter(({ fromMs }) => fromMs <= this.#readingToMs);
    this.#holes.add(read, this.#place);
  }

  *#passEnds(beforeMs: number): Generator<SourceRead> {
    for (const frame of this.#ends?.pass(beforeMs, this.#place) ?? []) {
      const { lane, ordinal, lastSeq: seq, lastReceivedAt: receivedAt } = frame;
      this.#lanes.set(lane, { ordinal, seq, receivedAt });
      yield { kind: 'frame', frame };
    }
  }

  *#pass(holes: readonly CoverageHole[], catalog: Catalog): Generator<SourceRead> {
    for (const hole of holes) {
      const { lane, from, to, reason } = recordsOf(hole);
      const { seq = 0, receivedAt = hole.fromMs } = this.#lanes.get(lane) ?? {};
      if (to <= seq) continue;
      const ordinal = ordinalOf(catalog, lane);
      this.#lanes.set(lane, { ordinal, seq: to, receivedAt: Math.max(hole.fromMs, receivedAt) });
      // What comes before may have been given before it was damaged, or be another hole.
      const rest = { lane, from: Math.max(from, seq + 1), to, reason };
      yield { kind: 'hole', ordinal, hole: rest };
    }
  }
}

function ordinalOf({ lanes }: Catalog, lane: string): number {
  return lanes.get(lane)?.begin?.ordinal ?? 1;
}
