import { join } from 'node:path';
import { readCatalog } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage, type Coverage } from '../../src/archive/holdings/coverage.ts';
import { TopicArchiver } from '../../src/archive/topic/topic-archiver.ts';
import type { Hole } from '../../src/record/control.ts';
import type { PlainRecord } from '../kit/plain-rows.ts';
import { type ArchiveRig, hasty } from './archive-rig.ts';
import type { FakeMember, FakeTopic, LaneShape, MadeLane } from './fake-topic.ts';

export const START = 1_750_000_000_000;

/** Archivers that share a topic in memory. */
export class Group implements AsyncDisposable {
  readonly told: string[] = [];
  readonly holes: Hole[] = [];
  readonly archivers: TopicArchiver[] = [];
  readonly #running: { readonly stop: AbortController; readonly done: Promise<void> }[] = [];
  readonly #rig: ArchiveRig;

  constructor(rig: ArchiveRig) {
    this.#rig = rig;
  }

  start(source: FakeMember): AbortController {
    const { repository, duckdb, folder } = this.#rig;
    const archiver = new TopicArchiver({
      source,
      repository,
      duckdb,
      folder: join(folder, `member-${this.#running.length}`),
      clock: hasty,
      random: () => 0.5,
      version: '0.0.0',
      events: {
        archived: () => undefined,
        state: (state) => state.kind === 'hindered' && this.told.push(state.reason),
        hole: (hole) => this.holes.push(hole),
        foreign: ({ partition, offset }) => this.told.push(`foreign ${partition}/${offset}`),
        lost: ({ partition, from, to }) => this.told.push(`lost ${partition}/${from} to ${to}`),
        assigned: () => undefined,
      },
    });
    this.archivers.push(archiver);
    const stop = new AbortController();
    this.#running.push({ stop, done: archiver.run(stop.signal) });
    return stop;
  }

  /** One member, with all partitions. */
  startAlone(topic: FakeTopic): AbortController {
    const member = topic.member();
    member.assign([...topic.partitions.keys()]);
    return this.start(member);
  }

  async coverage(): Promise<Coverage> {
    return computeCoverage(await readCatalog(this.#rig.repository.store));
  }

  async until(holds: (coverage: Coverage) => boolean): Promise<Coverage> {
    for (;;) {
      const coverage = await this.coverage();
      if (holds(coverage)) return coverage;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#running) stop.abort();
    await Promise.all(this.#running.map(({ done }) => done));
  }
}

export const shape = (fields: Partial<LaneShape> = {}): LaneShape => ({
  ordinal: 1,
  previous: undefined,
  points: 20,
  cut: 7,
  isClosed: true,
  startMs: START,
  ...fields,
});

export const laneId = (partition: number, n: number): string =>
  `${partition.toString(16).padStart(4, '0')}${n.toString(16).padStart(12, '0')}`;

export const lengthOf = ({ records }: MadeLane): number => records.length;

export const holds = ({ lanes }: Coverage, { lane }: MadeLane, lastSeq: number): boolean =>
  lanes.some((one) => one.lane === lane && one.covered.at(-1)?.lastSeq === lastSeq);

export const recordsOf = (...lanes: readonly MadeLane[]): Map<string, readonly PlainRecord[]> =>
  new Map(lanes.map(({ lane, records }) => [lane, records]));

/** Numbers from a seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}
