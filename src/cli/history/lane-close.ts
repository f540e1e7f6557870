import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duckdb } from '../../archive/duckdb.ts';
import { laneDays } from '../../archive/holdings/lane-days.ts';
import { dayAt, type SegmentName } from '../../archive/format/object-names.ts';
import { hasStoppedInOrder, type LaneEnding } from '../../archive/write/retire-lane.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

const DUCKDB_LIMITS = { memoryMb: 100, threads: 1 } as const;

/** Of these lanes those whose last archived record says that they stopped in order. */
export async function closedLanes(
  store: ObjectStore,
  endings: ReadonlyMap<string, LaneEnding>,
): Promise<ReadonlySet<string>> {
  const closed = new Set<string>();
  if (endings.size === 0) return closed;
  const folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-lane-'));
  try {
    const duckdb = await Duckdb.open({ scratch: join(folder, 'duckdb'), ...DUCKDB_LIMITS });
    try {
      for (const [lane, ending] of endings) {
        if (await hasStoppedInOrder(store, ending, (sql) => duckdb.rows(sql))) closed.add(lane);
      }
    } finally {
      duckdb.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return closed;
}

/** The segment of a lane that ends with a record, received at `toMs`, epoch ms; undefined when none does. */
export async function segmentEnding(
  store: ObjectStore,
  {
    lane,
    lastSeq,
    toMs,
  }: { readonly lane: string; readonly lastSeq: number; readonly toMs: number },
): Promise<SegmentName | undefined> {
  const fromDay = dayAt(toMs);
  for await (const { segments } of laneDays({
    store,
    lane,
    fromDay,
    onStranger: () => undefined,
  })) {
    const found = segments.find((segment) => segment.lastSeq === lastSeq);
    if (found !== undefined) return found;
  }
  return undefined;
}
