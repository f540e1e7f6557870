import { mkdir, rm } from 'node:fs/promises';
import type { Hole } from '../../record/control.ts';
import { CLOCK_MS_MAX, type TopicEvent } from '../../record/topic-read.ts';
import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import { computeCoverage, type LaneCoverage } from '../holdings/coverage.ts';
import type { Duckdb } from '../duckdb.ts';
import type { LaneArchiverOptions } from '../write/lane-archiver.ts';
import { LaneClosures } from '../holdings/lane-closures.ts';
import { type ArchiverState, Persistence } from '../persistence.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import type { Sidecar } from '../format/sidecar.ts';
import { readSummary } from '../holdings/summary.ts';
import { tallyNames } from '../holdings/tally.ts';
import { partitionIn } from './topic-opening.ts';
import { TopicPartition, type PartitionStart } from './topic-partition.ts';
import { TopicRegistration } from './topic-registration.ts';
import type { TopicMember } from './topic-member.ts';

export interface TopicArchiverOptions {
  readonly source: TopicMember;
  readonly repository: Repository;
  readonly duckdb: Duckdb;
  /** For segments that are being made: emptied at the start. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly version: string;
  readonly events: TopicArchiverEvents;
}

interface TopicArchiverEvents {
  /** A segment is committed, by this member or another; `position` is its last record. */
  archived(position: Position, sidecar: Sidecar): void;
  /** Called once a change. */
  state(state: ArchiverState): void;
  /** Records that the topic lacks, too. Called once for each, and again after a restart. */
  hole(hole: Hole): void;
  /** A message that is none of ours: it is passed over. */
  foreign(event: Extract<TopicEvent, { kind: 'foreign' }>): void;
  /** Messages that the topic dropped before they were read here. */
  lost(event: Extract<TopicEvent, { kind: 'lost' }>): void;
  /** These partitions are this member's from now on. */
  assigned(partitions: readonly number[]): void;
}

const POLL_MS = 1_000;
/** So often ends of lanes are looked for, and what is settled is told. */
const BEAT_MS = 5_000;
/** So often lanes are looked for of which nothing comes any more. */
const OPEN_LANES_MS = 60_000;

/**
 * Brings a topic to a repository, as one of any number of members that share its partitions.
 *
 * Guarantee: each record of the topic is in a segment that is committed, or still to come; what the topic lacks of a lane is told by
 * a marker. What is to be done is told by the repository's own listing: offsets that members leave to each other are a
 * hint, and may be lost or wrong. A member that was stopped, replaced and goes on writes what the other wrote, under the same names.
 */
export class TopicArchiver {
  readonly #options: TopicArchiverOptions;
  readonly #persistence: Persistence;
  readonly #closures: LaneClosures;
  readonly #laneOptions: LaneArchiverOptions;
  readonly #registration: TopicRegistration;
  readonly #partitions = new Map<number, TopicPartition>();
  /** Undefined until partitions are shared out. */
  #assigned: readonly number[] | undefined;
  /** Those that were begun with all that the repository knows in mind. */
  readonly #lookedAt = new Set<number>();
  readonly #told = new Set<string>();
  readonly #settled = new Map<number, number>();
  #nextBeatMs = 0;
  #nextOpenLanesMs = 0;

  constructor(options: TopicArchiverOptions) {
    this.#options = options;
    const { clock, random, events, repository, source } = options;
    const onState = (state: ArchiverState): void => events.state(state);
    const persistence = new Persistence({ clock, random, onState });
    this.#persistence = persistence;
    this.#closures = new LaneClosures(repository, persistence);
    this.#registration = new TopicRegistration({ repository, source, persistence });
    this.#laneOptions = {
      ...options,
      persistence,
      onArchived: (position, sidecar) => events.archived(position, sidecar),
      onHole: (hole) => this.#onHole(hole),
    };
  }

  /** What is settled of each of its partitions; undefined while it is not known which those are, or where they begin. */
  get settledOffsets(): ReadonlyMap<number, number> | undefined {
    const isKnown = this.#assigned?.every((n) => this.#partitions.has(n)) === true;
    return isKnown ? this.#settledSoFar : undefined;
  }

  /** Of those that have begun. */
  get #settledSoFar(): ReadonlyMap<number, number> {
    return new Map([...this.#partitions].map(([n, one]) => [n, one.settledOffset]));
  }

  /** Until the signal aborts. Rejects on a bug, and on an internal error of DuckDB: the process is then to end. */
  async run(signal: AbortSignal): Promise<void> {
    const { folder } = this.#options;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    try {
      while (!signal.aborted) {
        try {
          await this.#step(signal);
        } catch (error) {
          if (signal.aborted) break;
          await this.#persistence.hindered(error, signal);
          for (const partition of this.#partitions.values()) await partition.restart();
        }
      }
    } finally {
      for (const partition of this.#partitions.values()) await partition.discard();
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    await this.#beginAssigned(signal);
    const event = await source.next(POLL_MS, signal);
    if (event !== undefined) await this.#take(event, signal);
    this.#persistence.well();
    if (signal.aborted || clock.monotonicMs() < this.#nextBeatMs) return;
    this.#nextBeatMs = clock.monotonicMs() + BEAT_MS;
    await this.#beat(signal);
  }

  async #take(event: TopicEvent, signal: AbortSignal): Promise<void> {
    const { events } = this.#options;
    switch (event.kind) {
      case 'assigned':
        await this.#assign(event.partitions);
        break;
      case 'frame':
        await this.#partitions.get(event.frame.partition)?.take(event.frame, signal);
        break;
      case 'foreign':
        events.foreign(event);
        this.#partitions.get(event.partition)?.pass(event.offset);
        break;
      case 'lost':
        events.lost(event);
        this.#partitions.get(event.partition)?.lost(event.to);
        break;
    }
  }

  /** A partition that stays goes on where it is. */
  async #assign(assigned: readonly number[]): Promise<void> {
    const { events, source } = this.#options;
    this.#assigned = assigned;
    events.assigned(assigned);
    for (const [n, partition] of this.#partitions) {
      if (assigned.includes(n)) {
        source.begin(n, partition.position);
        continue;
      }
      this.#partitions.delete(n);
      this.#settled.delete(n);
      await partition.discard();
    }
  }

  async #beginAssigned(signal: AbortSignal): Promise<void> {
    const { source } = this.#options;
    for (const n of this.#assigned ?? []) {
      if (this.#partitions.has(n) || signal.aborted) continue;
      const start = await this.#startOf(n);
      const registration = this.#registration;
      const options = { ...this.#laneOptions, source, registration };
      this.#partitions.set(n, new TopicPartition(options, start));
      source.begin(n, start.offset);
    }
  }

  /**
   * Where what the members left to each other says, or where the first of the open lanes may go on, if that is earlier: it may have been moved.
   * Without it nothing tells of lanes that are not known yet, so all is read.
   */
  async #startOf(partition: number): Promise<PartitionStart> {
    const { source, events } = this.#options;
    const { low, high } = await source.range(partition);
    const settled = await source.settled(partition);
    if (settled === undefined || settled < low || settled > high) {
      if (settled !== undefined) events.lost({ kind: 'lost', partition, from: settled, to: low });
      return { partition, offset: low, isWhole: true };
    }
    const offset = Math.min(settled, await this.#offsetOfOpen(partition, settled));
    this.#lookedAt.add(partition);
    return { partition, offset, isWhole: offset <= low };
  }

  async #offsetOfOpen(partition: number, settled: number): Promise<number> {
    const { source } = this.#options;
    if (this.#lookedAt.has(partition)) return settled;
    const lanes = await this.#openLanes();
    const times = lanes.flatMap((one) =>
      one.partition === partition && one.coveredToMs !== 'ended' ? [one.coveredToMs] : [],
    );
    if (times.length === 0) return settled;
    return source.offsetAt(partition, Math.max(0, Math.min(...times) - CLOCK_MS_MAX));
  }

  /** Lanes of the topic that hold the safe time back. */
  async #openLanes(): Promise<(LaneCoverage & { readonly partition: number })[]> {
    const { repository, source } = this.#options;
    await assertInPlace(repository);
    const reading = readSummary(repository.store, { useIndex: true, tally: tallyNames });
    const summary = await this.#persistence.timely(reading);
    return computeCoverage(summary).lanes.flatMap((one) => {
      const { lane, coveredToMs } = one;
      if (coveredToMs === 'ended') return [];
      if (summary.lanes.get(lane)?.begin?.topic !== source.topic) return [];
      const partition = partitionIn(summary, lane, (name) => source.partitionOf(name));
      return [{ ...one, partition }];
    });
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, source } = this.#options;
    if (clock.monotonicMs() >= this.#nextOpenLanesMs) {
      this.#nextOpenLanesMs = clock.monotonicMs() + OPEN_LANES_MS;
      await this.#adopt();
    }
    const quiet = [...this.#partitions.values()].filter(({ isQuiet }) => isQuiet);
    if (quiet.length > 0) await this.#closures.refresh();
    for (const partition of quiet) await partition.lookAtEnds(this.#closures, signal);
    const offsets = [...this.#settledSoFar].filter(
      ([n, offset]) => this.#settled.get(n) !== offset,
    );
    if (offsets.length === 0) return;
    await source.settle(new Map(offsets));
    for (const [n, offset] of offsets) this.#settled.set(n, offset);
  }

  /** Lanes that have ended, and whose end never came by here. */
  async #adopt(): Promise<void> {
    const { source } = this.#options;
    if (this.#partitions.size === 0) return;
    await this.#closures.refresh();
    const followed = new Set(this.#closures.followed(source.topic));
    for (const { lane, partition: n } of await this.#openLanes()) {
      const partition = this.#partitions.get(n);
      if (followed.has(lane) && partition?.has(lane) === false) await partition.adopt(lane);
    }
  }

  #onHole(hole: Hole): void {
    const key = `${hole.lane}/${hole.from}-${hole.to}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.events.hole(hole);
  }
}
