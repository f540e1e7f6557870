import type { LoggedFork } from '../../record/fork.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { damaged, type ObjectFault, readWhole, stranger } from '../holdings/catalog.ts';
import { parseObjectName, type Span } from './object-names.ts';
import { seal, unseal } from './sealed-json.ts';
import { forksOf, isCount, isLane, isObject } from './sidecar.ts';
import type { Totals } from '../holdings/tally.ts';

/**
 * The index of a closed month: what its segments cover, and come to, so that years are told without listing
 * them. Written once the repository is past the month. It is a hint: whoever finds a hole by it looks at the
 * listing of that month, and without it everything is as true, and slower.
 */
export interface MonthIndex {
  /** As `2025-03`. */
  readonly month: string;
  /** Every lane that was opened before the month's end, those without a segment in it too. */
  readonly lanes: readonly MonthLane[];
  readonly createdAt: number;
  readonly writer: string;
}

export interface MonthLane {
  readonly lane: string;
  /** Of the segments whose last records were received in the month, joined where they touch. */
  readonly covered: readonly Span[];
  readonly totals: Totals;
  /** What they say to be undone; absent: nothing. */
  readonly forks?: readonly LoggedFork[];
}

const FORMAT = 1;

export function formatMonthIndex(index: MonthIndex): string {
  return seal({ format: FORMAT, ...index });
}

/** Undefined for anything that is no whole index. */
function parseMonthIndex(content: Buffer): MonthIndex | undefined {
  const { format, month, lanes, createdAt, writer } = unseal(content) ?? {};
  if (format !== FORMAT || typeof month !== 'string' || !Array.isArray(lanes)) return undefined;
  if (!lanes.every(isMonthLane) || !isCount(createdAt) || typeof writer !== 'string') {
    return undefined;
  }
  return { month, lanes, createdAt, writer };
}

/** All of a repository, by month. A damaged one is a fault, and then not there. */
export async function readMonthIndexes(
  store: ObjectStore,
  faults: ObjectFault[],
): Promise<Map<string, MonthIndex>> {
  const indexes = new Map<string, MonthIndex>();
  for await (const { name } of store.list('index')) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'index') {
      faults.push(stranger(name));
      continue;
    }
    const content = await readWhole(store, name);
    const index = content && parseMonthIndex(content);
    if (index?.month === parsed.month) indexes.set(index.month, index);
    else faults.push(damaged(name));
  }
  return indexes;
}

function isMonthLane(value: unknown): value is MonthLane {
  if (!isObject(value)) return false;
  const { lane, covered, totals, forks } = value;
  if (forksOf(forks) === undefined) return false;
  return isLane(lane) && Array.isArray(covered) && covered.every(isSpan) && isTotals(totals);
}

function isSpan(value: unknown): value is Span {
  if (!isObject(value)) return false;
  const { firstSeq, lastSeq, fromMs, toMs } = value;
  return isCount(firstSeq) && isCount(lastSeq) && isCount(fromMs) && isCount(toMs);
}

function isTotals(value: unknown): value is Totals {
  if (!isObject(value)) return false;
  const { segments, bytes, records, points } = value;
  return isCount(segments) && isCount(bytes) && isCount(records) && isCount(points);
}
