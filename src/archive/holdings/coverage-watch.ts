import type { Clock } from '../../runtime/clock.ts';
import { withAlarm } from '../../runtime/alarm.ts';
import { type ObjectFault, readLaneNotes } from './catalog.ts';
import { computeCoverage, type LaneHoldings } from './coverage.ts';
import { type CoverageReport, reportCoverage } from './coverage-report.ts';
import type { SegmentName } from '../format/object-names.ts';
import { type OpenLane, openLanes, SilentLanes, tellSilent } from './open-lanes.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import { readSummary } from './summary.ts';
import { tallyPresent } from './tally.ts';

export interface CoverageWatchOptions {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly events: CoverageEvents;
  /** Lanes that are known not to be left alone; undefined while that isn't known: then no lane counts as silent. */
  readonly own: () => ReadonlySet<string> | undefined;
}

interface CoverageEvents {
  /** What the repository holds now; told when it has changed. */
  covered(report: CoverageReport): void;
  /** Nobody goes on with this lane, which holds the safe time back. Called once for each. */
  silent(lane: OpenLane, told: string): void;
  /** It can't be listed, or can again. Called once a change. */
  unreadable(reason: string | undefined): void;
}

const LIMITS = {
  /** The repository is listed so often, at most. */
  intervalMsMin: 1_000,
  /** Listing it takes at most this part of the time. */
  share: 1 / 10,
  /** A listing that takes longer is told as trouble. */
  listMsMax: 60_000,
} as const;

const SILENT = 'the repository does not answer';

/**
 * Keeps an eye on what a repository holds: what is archived here shows within a second, and what happens to it
 * otherwise, as a sidecar or data that are removed, within a second, or ten times as long as listing it takes.
 */
export class CoverageWatch {
  readonly #options: CoverageWatchOptions;
  #lanes = new Map<string, LaneHoldings>();
  #faults: readonly ObjectFault[] = [];
  /** Sidecars of segments that have no data, as of the last listing. */
  #dataless: ReadonlySet<string> = new Set();
  /** Committed since the listing that is shown began. */
  #added: SegmentName[] = [];
  #told = '';
  readonly #silent: SilentLanes;
  readonly #toldSilent = new Set<string>();
  #trouble: string | undefined;

  constructor(options: CoverageWatchOptions) {
    this.#options = options;
    this.#silent = new SilentLanes(options.clock);
  }

  /** A segment was committed. */
  added(segment: SegmentName): void {
    this.#added.push(segment);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const onLate = (): void => this.#tellTrouble(SILENT);
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      await withAlarm(this.#list(), { clock, ms: LIMITS.listMsMax, onLate });
      const tookMs = clock.monotonicMs() - startMs;
      const nextMs = startMs + Math.max(LIMITS.intervalMsMin, tookMs / LIMITS.share);
      await this.#untilNext(nextMs, signal);
    }
  }

  /** Meanwhile shows what is added, at most once a second. */
  async #untilNext(nextMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const restMs = nextMs - clock.monotonicMs();
      if (restMs <= 0 || signal.aborted) return;
      await clock.sleep(Math.min(restMs, LIMITS.intervalMsMin), signal);
      if (this.#added.length > 0 && !signal.aborted) await this.#show();
    }
  }

  /** What was added to the listing. */
  async #show(): Promise<void> {
    const { store } = this.#options.repository;
    try {
      for (const { lane } of this.#added) {
        if (this.#lanes.has(lane)) continue;
        const notes = await readLaneNotes(store, lane, []);
        if (notes.begin !== undefined) this.#lanes.set(lane, { ...notes, objects: [] });
      }
    } catch (error) {
      this.#tellTrouble((error as Error).message);
      return;
    }
    this.#tell();
  }

  async #list(): Promise<void> {
    const { repository } = this.#options;
    const added = this.#added.length;
    try {
      await assertInPlace(repository);
      const dataless = new Set<string>();
      const tally = tallyPresent(this.#dataless, (sidecar) => dataless.add(sidecar));
      const { lanes, faults } = await readSummary(repository.store, { useIndex: true, tally });
      this.#dataless = dataless;
      this.#lanes = new Map(lanes);
      this.#faults = faults;
      this.#added.splice(0, added);
      this.#tell();
      this.#tellTrouble(undefined);
    } catch (error) {
      this.#tellTrouble((error as Error).message);
    }
  }

  #tellTrouble(reason: string | undefined): void {
    if (reason === this.#trouble) return;
    this.#trouble = reason;
    this.#options.events.unreadable(reason);
  }

  #tell(): void {
    const lanes = new Map(this.#lanes);
    for (const [lane, known] of this.#lanes) {
      const added = this.#added.filter((segment) => segment.lane === lane);
      if (added.length > 0) lanes.set(lane, { ...known, objects: [...known.objects, ...added] });
    }
    const coverage = computeCoverage({ lanes });
    const silent = this.#tellSilent(openLanes({ lanes }, coverage));
    const report = reportCoverage(coverage, this.#faults, silent);
    const text = JSON.stringify(report);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.events.covered(report);
  }

  #tellSilent(open: readonly OpenLane[]): string[] {
    const { own: ownLanes, repository, events } = this.#options;
    const own = ownLanes();
    return this.#silent
      .look(open)
      .filter(({ lane }) => own?.has(lane) === false)
      .map((silent) => {
        const told = tellSilent(silent, repository.place);
        if (!this.#toldSilent.has(silent.lane)) events.silent(silent, told);
        this.#toldSilent.add(silent.lane);
        return told;
      });
  }
}
