import type { LaneHoldings } from '../../archive/holdings/coverage.ts';
import { sqlLiteral } from '../../archive/duckdb.ts';

const DAY_MS = 86_400_000;

/**
 * The lanes that a clock was ahead in, as it was set back after them: of each the time at which its records count as received
 * at the latest, epoch ms, where the order of writes is asked for. All of a lane was written before the first record of the next
 * one, and lanes that follow each other stay apart by a millisecond at least. Absent: receive times tell the order as they are. Nothing
 * is moved for a clock that says a time from before all of them, as one that lost its battery does.
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
    const counts = isSetBack && !isFaulty(disputed, openedAt, { lane: previous.lane, lanes });
    const ms = Math.min(counts ? openedAt : Infinity, times.get(lane) ?? Infinity) - 1;
    times.set(previous.lane, Math.min(ms, times.get(previous.lane) ?? Infinity));
  }
  return new Map([...times].filter(([lane, ms]) => lastMs(lanes.get(lane)) > ms));
}

/** Makes the table `set_back`, where there is anything for it. */
export function setBackStatements(times: ReadonlyMap<string, number>): string[] {
  if (times.size === 0) return [];
  const values = [...times].map(([lane, ms]) => `(${sqlLiteral(lane)}, ${ms}::bigint)`);
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

function isFaulty(
  { from, to }: { readonly from: number; readonly to: number },
  openedAt: number,
  { lane, lanes }: { readonly lane: string; readonly lanes: ReadonlyMap<string, LaneHoldings> },
): boolean {
  if (from - to < DAY_MS) return false;
  let begin = lanes.get(lane)?.begin;
  while (begin !== undefined && openedAt < begin.openedAt) {
    if (begin.previous === null) return true;
    begin = lanes.get(begin.previous.lane)?.begin;
  }
  return begin === undefined;
}

function lastMs(lane: LaneHoldings | undefined): number {
  return (lane?.objects ?? []).reduce((last, { toMs }) => Math.max(last, toMs), -Infinity);
}
