import type { Catalog } from '../../archive/holdings/catalog.ts';
import {
  computeCoverage,
  type Coverage,
  type CoverageHole,
} from '../../archive/holdings/coverage.ts';
import type { Duckdb } from '../../archive/duckdb.ts';
import type { Repository } from '../../archive/repository.ts';
import { type SearchEvent, searchWrites } from '../../archive/search/search.ts';
import type { Fork } from '../../record/fork.ts';
import type { LaneFrame } from '../../record/lane-frame.ts';
import type { Clock } from '../../runtime/clock.ts';
import { latestOf, startOf, withLate } from './archived-times.ts';
import { EndsAhead } from './ends-ahead.ts';
import { FollowedRepository } from './followed-repository.ts';
import { type Frontier, isEarlier, placeBefore } from '../source/frontier.ts';
import { GivenLanes } from './given-lanes.ts';
import { HolesAhead, recordsOf } from './holes-ahead.ts';
import { type DamagedObject, KnownDamage } from './known-damage.ts';
import { type CoveredLanes, coveredLanes, lateLanes, withoutHole } from './late-objects.ts';
import { lacking, type Place } from '../place.ts';
import type { SeenLane } from '../source/seen-lanes.ts';
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
  readonly #given = new GivenLanes();
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
  readonly #repository: FollowedRepository;

  constructor(options: RepositorySourceOptions) {
    const { repository, clock } = options;
    this.#options = options;
    this.#damage = new KnownDamage({
      repository,
      clock,
      known: options.damaged,
      changed: (damaged) => options.events.losing(damaged),
    });
    this.#repository = new FollowedRepository(repository, this.#damage);
  }

  readonly unread = 0;

  get lanes(): ReadonlyMap<string, SeenLane> {
    return this.#repository.seen.all;
  }

  isPrimary(origin: string): boolean {
    return this.#repository.seen.isPrimary(origin);
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

  isSaidBy(fork: Fork, byMs: number, signal: AbortSignal): Promise<boolean> {
    return this.#repository.isSaidBy(fork, byMs, signal);
  }

  async seek(given: Place): Promise<void> {
    await this.#end();
    const { repository } = this.#options;
    const catalog = await this.#repository.lookAnew();
    // After the first look it is known what came late.
    const isFirst = this.#covered === undefined;
    const place = isFirst ? await withLate(repository, catalog, given) : given;
    const start = startOf(catalog, place);
    this.#covered ??= coveredLanes(computeCoverage(catalog));
    this.#given.seek(place);
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

  async #end(): Promise<void> {
    const reads = this.#reads;
    this.#reads = undefined;
    await reads?.return(undefined);
  }

  /** What was archived since; undefined when that is nothing, or it isn't time yet. */
  async #look(): Promise<AsyncGenerator<SourceRead> | undefined> {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#nextLookMs) return undefined;
    const beganMs = clock.monotonicMs();
    this.#nextLookMs = beganMs + LOOK_MS;
    const catalog = await this.#repository.look();
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
    const given = { ...this.#given.place, latestMs: this.#readToMs };
    const range = { sinceMs: given.sinceMs ?? -Infinity, readToMs: this.#readToMs };
    const late = lateLanes(this.#covered ?? covered, covered, range);
    let first: Frontier | undefined;
    for (const [lane, ms] of late) {
      if (first === undefined || isEarlier({ ms, lane }, first)) first = { ms, lane };
    }
    if (first === undefined) return undefined;
    const place = placeBefore(given, first);
    const lanes = new Map(place.lanes);
    for (const [lane, receivedAt] of late) {
      // It may be before what was given of it; and of one that is as old as what is forgotten nothing is said yet.
      if (lanes.get(lane)?.seq !== 0)
        lanes.set(lane, { ordinal: ordinalOf(catalog, lane), seq: 0, receivedAt });
    }
    this.#given.goBack(lanes);
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
    const knownToMs = Math.max(this.#readToMs, this.#given.place.sinceMs ?? -Infinity);
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
      const wanted = lacking(frame, this.#given.place);
      if (wanted === undefined) continue;
      const { lane } = wanted;
      const place = this.#given.begin({ ms: wanted.firstReceivedAt, lane });
      if (place !== undefined) {
        yield { kind: 'again', place, reason: `lane ${lane} lacks what was received before` };
      }
      this.#given.note(wanted);
      this.#givenMs = wanted.lastReceivedAt;
      yield { kind: 'frame', frame: wanted };
    }
  }

  /** Those of what is read are to come. */
  #expect(holes: readonly CoverageHole[]): void {
    const read = holes.filter(({ fromMs }) => fromMs <= this.#readingToMs);
    this.#holes.add(read, this.#given.place);
  }

  *#passEnds(beforeMs: number): Generator<SourceRead> {
    for (const frame of this.#ends?.pass(beforeMs, this.#given.place) ?? []) {
      this.#given.note(frame);
      yield { kind: 'frame', frame };
    }
  }

  *#pass(holes: readonly CoverageHole[], catalog: Catalog): Generator<SourceRead> {
    for (const hole of holes) {
      const ordinal = ordinalOf(catalog, hole.lane);
      const rest = this.#given.pass(hole, ordinal);
      if (rest !== undefined) yield { kind: 'hole', ordinal, hole: rest };
    }
  }
}

function ordinalOf({ lanes }: Catalog, lane: string): number {
  return lanes.get(lane)?.begin?.ordinal ?? 1;
}
