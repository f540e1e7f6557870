import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type Catalog, readSidecar } from '../holdings/catalog.ts';
import { computeCoverage } from '../holdings/coverage.ts';
import { DuckdbError } from '../duckdb.ts';
import { SILENT_MS_MIN } from '../holdings/open-lanes.ts';
import { parquetFiles } from '../parquet-files.ts';
import { formatRetirementName, type SegmentName } from '../format/object-names.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import type { RunQuery } from '../format/segment-content.ts';
import { formatRetirement, type Retirement } from '../format/sidecar.ts';

export interface RetireOptions {
  readonly lane: string;
  readonly archived: Catalog;
  /** With what a topic has beyond it, if one was named. */
  readonly catalog: Catalog;
}

/** Where a lane is to be ended. */
export interface LaneEnding {
  /** The last record that is known; 0 when none is. */
  readonly lastSeq: number;
  /** Its receive time, epoch ms. */
  readonly toMs: number;
  /** The segment that ends with it. */
  readonly segment: SegmentName | undefined;
}

/** Throws LANE_NOT_RETIRED when the lane isn't known, or has ended. */
export function findEnding({ lane, archived, catalog }: RetireOptions): LaneEnding {
  const holdings = catalog.lanes.get(lane);
  const coverage = computeCoverage(catalog).lanes.find((one) => one.lane === lane);
  const isKnown = archived.lanes.get(lane)?.begin !== undefined;
  if (!isKnown || holdings?.begin === undefined || coverage === undefined) {
    throw refused(
      `the repository knows no lane ${lane}`,
      holdings === undefined
        ? '`tsdb-wal info` names them.'
        : 'The topic has it: an archiver registers it, and then it can be ended.',
    );
  }
  if (coverage.coveredToMs === 'ended') {
    throw refused(
      `lane ${lane} has ended already`,
      'Nothing is to be done: it holds nothing back.',
    );
  }
  const last = coverage.covered.at(-1);
  const marked = holdings.holes.reduce((max, hole) => Math.max(max, hole.lastSeq), 0);
  const coveredSeq = last?.lastSeq ?? holdings.begin.firstSeq - 1;
  const toMs = last?.toMs ?? coverage.openedAt;
  const segment = holdings.objects.find(({ lastSeq }) => lastSeq === coveredSeq);
  return { lastSeq: Math.max(coveredSeq, marked), toMs, segment };
}

/** Why a lane that has not stopped in order may be written to still; undefined when nothing came of it for long. `now`: epoch ms. */
export function whyAlive(lane: string, { toMs }: LaneEnding, now: number): string | undefined {
  if (now - toMs >= SILENT_MS_MIN) return undefined;
  return `lane ${lane} was written to at ${new Date(toMs).toISOString()}, so it may be alive`;
}

/** Of a lane that may be written to still, in the words of `whyAlive`. */
export function refusedAlive(why: string): WalError {
  return refused(
    why,
    'Stop its proxy; a start of it ends the lane by itself. If it is gone for good, use --force.',
  );
}

/** Whether the last record says that the lane stopped in order; not where it can't be read. */
export async function hasStoppedInOrder(
  store: ObjectStore,
  { segment, lastSeq }: LaneEnding,
  run: RunQuery,
): Promise<boolean> {
  if (segment?.lastSeq !== lastSeq) return false;
  const data = (await readSidecar(store, segment))?.data;
  const path = data && (await store.localPath(data.object));
  if (path === null || path === undefined) return false;
  const close = `FROM read_parquet(${parquetFiles([path])}) WHERE seq = ${lastSeq} AND kind = 'close'`;
  try {
    return (await run(`SELECT 1 ${close} LIMIT 1`)).length > 0;
  } catch (error) {
    if (error instanceof DuckdbError && !error.isFatal) return false;
    throw error;
  }
}

/**
 * Ends a lane that nothing else can end, so that it holds the safe time back no longer. What it may have received after its last
 * record counts as missing from then on, unless it stopped in order. Should more of it be archived all the same, this counts no more.
 */
export async function retireLane(repository: Repository, retirement: Retirement): Promise<void> {
  await assertInPlace(repository);
  const { lane, lastSeq } = retirement;
  const content = Buffer.from(formatRetirement(retirement));
  await repository.store.create(formatRetirementName(lane, lastSeq), content);
}

function refused(message: string, hint: string): WalError {
  return new WalError('LANE_NOT_RETIRED', message, { hint });
}
