import type { Holdings, LaneHoldings } from '../../archive/holdings/coverage.ts';
import { uniteSpans } from '../../archive/holdings/lane-spans.ts';
import type { LaneTail, LogTail } from '../../archive/tail/log-tail.ts';
import { coverageWith, describeCoverage, type InfoWith } from './info-hole.ts';

/** How far a repository is behind the log of a data directory, and what can be restored with both. */
export interface InfoLog extends InfoWith {
  readonly data: string;
  /** Some process writes it now. */
  readonly inUse: boolean;
  /** Receive time of its last record; null when it has none. */
  readonly to: string | null;
  /** Of all lanes: not archived yet. */
  readonly records: number;
  readonly points: number;
  readonly lanes: readonly InfoLogLane[];
}

export interface InfoLogLane {
  readonly lane: string;
  readonly ordinal: number;
  /** Whether the repository knows of it. */
  readonly registered: boolean;
  readonly records: number;
  readonly points: number;
  /** From the last record that is archived to the last one that there is. */
  readonly lagSeconds: number;
}

/** `now`: epoch ms. */
export function describeLog(data: string, tail: LogTail, archived: Holdings, now: number): InfoLog {
  const { log, lanes } = tail;
  const described = lanes.map((lane) => describeLane(lane, archived.lanes.get(lane.begin.lane)));
  const last = lanes.at(-1);
  return {
    data,
    inUse: log.holder !== undefined,
    to: last === undefined ? null : new Date(last.toMs).toISOString(),
    records: described.reduce((sum, { records }) => sum + records, 0),
    points: described.reduce((sum, { points }) => sum + points, 0),
    lanes: described,
    ...describeCoverage(coverageWith(archived, { tail, topic: undefined }, now)),
  };
}

export function describeLane(
  { begin, runs, toMs }: LaneTail,
  known: LaneHoldings | undefined,
): InfoLogLane {
  const archived = uniteSpans(known?.objects ?? []).covered.at(-1);
  const isBehind = runs.length > 0;
  return {
    lane: begin.lane,
    ordinal: begin.ordinal,
    registered: known !== undefined,
    records: runs.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0),
    points: runs.reduce((sum, { points }) => sum + points, 0),
    lagSeconds: isBehind ? (toMs - (archived?.toMs ?? begin.openedAt)) / 1_000 : 0,
  };
}
