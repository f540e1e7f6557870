import type { ObjectStore } from '../../storage/object-store.ts';
import { isDamage, listLanes, type ObjectFault, readLaneNotes } from '../holdings/catalog.ts';
import { computeCoverage } from '../holdings/coverage.ts';
import { uniteSpans } from '../holdings/lane-spans.ts';
import { formatMonthIndex, type MonthLane } from '../format/month-index-file.ts';
import { formatIndexName, monthEnd, monthOf, monthsBetween } from '../format/object-names.ts';
import { readSummary } from '../holdings/summary.ts';
import { tallyLaneMonth, tallyNames } from '../holdings/tally.ts';

const MONTH_REST_MS = 3_600_000;

/**
 * Writes the index of each month that has none, is over for an hour, and that every lane of the repository is
 * past. Cheap when there is nothing to do. Returns the months written.
 */
export async function indexClosedMonths(
  store: ObjectStore,
  now: number,
  writer: string,
): Promise<string[]> {
  const faults: ObjectFault[] = [];
  const opened: number[] = [];
  for await (const lane of listLanes(store, faults)) {
    const { begin } = await readLaneNotes(store, lane, faults);
    if (begin !== undefined) opened.push(begin.openedAt);
  }
  const first = opened.reduce((min, openedAt) => Math.min(min, openedAt), now);
  const present = new Set<string>();
  for await (const { name } of store.list('index')) present.add(name);
  const missing = [...monthsBetween(monthOf(first), monthOf(now))].filter(
    (month) => monthEnd(month) + MONTH_REST_MS <= now && !present.has(formatIndexName(month)),
  );
  if (missing.length === 0 || faults.some(isDamage)) return [];
  const { safeTimeMs = 0 } = computeCoverage(
    await readSummary(store, { useIndex: true, tally: tallyNames }),
  );
  const written: string[] = [];
  for (const month of missing) {
    if (safeTimeMs < monthEnd(month)) break;
    const lanes = await tallyMonth(store, month);
    if (lanes === undefined) continue;
    const index = { month, lanes, createdAt: now, writer };
    await store.create(formatIndexName(month), Buffer.from(formatMonthIndex(index)));
    written.push(month);
  }
  return written;
}

/** Undefined when something of the month is not as it should be: it is listed each time, until that is mended. */
async function tallyMonth(store: ObjectStore, month: string): Promise<MonthLane[] | undefined> {
  const faults: ObjectFault[] = [];
  const lanes: MonthLane[] = [];
  for await (const lane of listLanes(store, faults)) {
    const { begin } = await readLaneNotes(store, lane, faults);
    if (begin === undefined || begin.openedAt >= monthEnd(month)) continue;
    const { spans, totals, forks } = await tallyLaneMonth(store, { lane, month, faults });
    const { covered, conflicts } = uniteSpans(spans);
    if (conflicts.length > 0) return undefined;
    lanes.push({ lane, covered, totals, ...(forks.length > 0 && { forks }) });
  }
  return faults.some(isDamage) ? undefined : lanes;
}
