import { isDamage, type ObjectFault } from '../../archive/holdings/catalog.ts';
import { computeCoverage, type LaneCoverage } from '../../archive/holdings/coverage.ts';
import type { Span } from '../../archive/format/object-names.ts';
import type { Summary } from '../../archive/holdings/summary.ts';
import { NO_TOTALS, type Totals } from '../../archive/holdings/tally.ts';
import type { LoggedFork } from '../../record/fork.ts';
import { describeForks, type InfoFork } from './info-fork.ts';
import { holeOf, type InfoHole, type InfoRange, rangeOf } from './info-hole.ts';
import type { InfoLog } from './info-log.ts';
import type { InfoTopic } from './info-topic.ts';

/** What `info --json` prints; docs/JSON.md is the contract. Times are RFC 3339, UTC, ready for `restore --to`. */
export interface Info {
  readonly contract: 'tsdb-wal info';
  readonly version: 1;
  readonly at: string;
  readonly repository: { readonly place: string; readonly id: string; readonly createdAt: string };
  readonly state: 'whole' | 'hole' | 'damaged';
  readonly start: string | null;
  readonly safeTime: string | null;
  /** What `restore --to safe` brings back of the repository alone: before the first hole, where there is one. */
  readonly safeTarget: string | null;
  readonly restorable: readonly InfoRange[];
  readonly lagSeconds: number | null;
  /** Null without --data. */
  readonly log: InfoLog | null;
  /** Null without --kafka. */
  readonly topic: InfoTopic | null;
  readonly totals: Totals & { readonly lanes: number };
  readonly indexedMonths: number;
  readonly lanes: readonly InfoLane[];
  readonly forks: readonly InfoFork[];
  readonly holes: readonly InfoHole[];
  readonly faults: readonly ObjectFault[];
}

interface InfoSpan extends InfoRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface InfoLane extends Totals {
  readonly lane: string;
  readonly ordinal: number;
  readonly host: string | null;
  readonly openedAt: string;
  readonly reason: string | null;
  readonly previous: { readonly lane: string; readonly lastSeq: number } | null;
  readonly ended: boolean;
  /** Null for a lane that ended, and is complete for all time. */
  readonly completeBefore: string | null;
  /** Its last record that is archived says that it stopped in order, though nothing has ended it yet. */
  readonly stopped: boolean;
  readonly covered: readonly InfoSpan[];
  readonly disputed: InfoRange | null;
}

/** What the listing of a repository doesn't tell. */
interface Beside {
  readonly log: InfoLog | null;
  readonly topic: InfoTopic | null;
  /** Lanes that are not ended, and stopped in order with their last record. */
  readonly stopped: ReadonlySet<string>;
  /** What the log and the topic say to be undone. */
  readonly said: readonly LoggedFork[];
}

/** `now` in epoch ms; how far it is behind a log or a topic. */
export function describeRepository(
  repository: { readonly place: string; readonly id: string; readonly createdAt: number },
  summary: Summary,
  now: number,
  { log, topic, stopped, said }: Beside = ALONE,
): Info {
  const { place, id, createdAt } = repository;
  const coverage = computeCoverage(summary);
  const { startMs, safeTimeMs, restorable } = coverage;
  const lanes = coverage.lanes.map((lane) => laneOf(lane, summary, stopped.has(lane.lane)));
  const archived = [...summary.lanes.values()].flatMap(({ forks }) => forks);
  const faults = [...summary.faults, ...contradictions(coverage)];
  const hasHole = (topic ?? log ?? coverage).holes.length > 0;
  return {
    contract: 'tsdb-wal info',
    version: 1,
    at: timeOf(now),
    repository: { place, id, createdAt: timeOf(createdAt) },
    state: faults.some(isDamage) ? 'damaged' : hasHole ? 'hole' : 'whole',
    start: startMs === undefined ? null : timeOf(startMs),
    safeTime: safeTimeMs === undefined ? null : timeOf(safeTimeMs),
    safeTarget: restorable.map(rangeOf).at(-1)?.to ?? null,
    restorable: restorable.map(rangeOf),
    lagSeconds: safeTimeMs === undefined ? null : (now - safeTimeMs) / 1_000,
    log,
    topic,
    totals: { lanes: lanes.length, ...sumOf(lanes) },
    indexedMonths: summary.indexedMonths,
    lanes,
    forks: describeForks([...archived, ...said]),
    holes: coverage.holes.map(holeOf),
    faults,
  };
}

const ALONE: Beside = { log: null, topic: null, stopped: new Set(), said: [] };

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function laneOf(coverage: LaneCoverage, { lanes }: Summary, stopped: boolean): InfoLane {
  const { lane, ordinal, openedAt, coveredToMs, covered, disputed } = coverage;
  const { begin, totals = NO_TOTALS } = lanes.get(lane) ?? {};
  return {
    lane,
    ordinal,
    host: begin?.host ?? null,
    openedAt: timeOf(openedAt),
    reason: begin?.reason ?? null,
    previous: begin?.previous ?? null,
    ended: coveredToMs === 'ended',
    completeBefore: coveredToMs === 'ended' ? null : timeOf(coveredToMs),
    stopped,
    covered: covered.map(spanOf),
    disputed:
      disputed === undefined ? null : { from: timeOf(disputed.from), to: timeOf(disputed.to) },
    ...totals,
  };
}

function spanOf({ firstSeq, lastSeq, fromMs, toMs }: Span): InfoSpan {
  return { firstSeq, lastSeq, from: timeOf(fromMs), to: timeOf(toMs) };
}

/** Objects that are each whole, and can't be right together. */
function contradictions({ conflicts, lanes }: ReturnType<typeof computeCoverage>): Info['faults'] {
  return [
    ...conflicts.map(({ lane, spans: [a, b], reason }) => ({
      kind: 'damaged' as const,
      object: `lanes/${lane}`,
      reason: `${a.firstSeq}-${a.lastSeq} and ${b.firstSeq}-${b.lastSeq}: ${reason}`,
    })),
    ...lanes.flatMap(({ lane, beyond }) =>
      beyond === undefined
        ? []
        : [
            {
              kind: 'damaged' as const,
              object: `lanes/${lane}`,
              reason: `${beyond.firstSeq}-${beyond.lastSeq} are there, though the lane after it says that it ended before: its log was rolled back`,
            },
          ],
    ),
  ];
}

function sumOf(lanes: readonly Totals[]): Totals {
  const sum = { ...NO_TOTALS };
  for (const { segments, bytes, records, points } of lanes) {
    sum.segments += segments;
    sum.bytes += bytes;
    sum.records += records;
    sum.points += points;
  }
  return sum;
}
