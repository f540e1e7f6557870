import type { LaneHoldings } from '../archive/coverage.ts';
import { literal } from '../archive/duckdb.ts';

/**
 * The lanes that a clock was ahead in, as it was set back behind them: of each the time at which its records count as received
 * at the latest, epoch ms, where the order of writes is asked for. All of a lane was written before the first record of the next
 * one, and lanes that follow each other stay apart by a millisecond at least. Absent: receive times tell the order as they are.
 */
export function timesSetBack(lanes: ReadonlyMap<string, LaneHoldings>): Map<string, number> {
  const times = new Map<string, number>();
  // A lane follows one with a lower number, so that what holds for it is known when its turn comes.
  const begins = [...lanes.values()]
    .flatMap(({ begin }) => (begin === undefined ? [] : [begin]))
    .toSorted((a, b) => b.ordinal - a.ordinal);
  for (const { lane, previous, openedAt, disputed } of begins) {
    if (previous === null) continue;
    const isSetBack = disputed !== null && disputed.to < disputed.from;
    const ms = Math.min(isSetBack ? openedAt : Infinity, times.get(lane) ?? Infinity) - 1;
    times.set(previous.lane, Math.min(ms, times.get(previous.lane) ?? Infinity));
  }
  return new Map([...times].filter(([lane, ms]) => lastMs(lanes.get(lane)) > ms));
}

/** Makes the table `set_back`, where there is anything for it. */
export function setBackStatements(times: ReadonlyMap<string, number>): string[] {
  if (times.size === 0) return [];
  const values = [...times].map(([lane, ms]) => `(${literal(lane)}, ${ms}::bigint)`);
  return [
    `create table set_back as select * from (values ${values.join(', ')}) as times(lane, ms)`,
  ];
}

/** What `rows` has, and the time by which it is ordered as `ordered_at`. */
export function orderedRowsQuery(times: ReadonlyMap<string, number>): string {
  if (times.size === 0) return 'select *, received_at as ordered_at from rows';
  // What is null is no part of what least() compares.
  return 'select r.*, least(r.received_at, s.ms) as ordered_at from rows r left join set_back s on s.lane = r.lane';
}

function lastMs(lane: LaneHoldings | undefined): number {
  return (lane?.objects ?? []).reduce((last, { toMs }) => Math.max(last, toMs), -Infinity);
}
