import { join } from 'node:path';
import { QueryClient } from '../../opentsdb/query-client.ts';
import { WalError } from '../../runtime/errors.ts';
import type { Measure } from '../../runtime/progress.ts';
import { readCells } from './expected-cell.ts';
import type { StateRun } from '../load/load-state.ts';
import { phaseProgress } from '../phase-progress.ts';
import type { RestoreResult } from '../restore-request.ts';
import { QUERIES_MAX, Verification } from './verification.ts';

export const QUERY_LIMITS = { requestTimeoutMs: 60_000, connectionsMax: QUERIES_MAX * 2 } as const;

/** Compares the target with the state, and lists the differences. Throws TARGET_UNUSABLE when it stops answering; rejects when the signal aborts. */
export async function verifyState({
  target,
  state,
  work,
  clock,
  report,
  signal,
}: StateRun): Promise<NonNullable<RestoreResult['verification']>> {
  const { differencesPath } = work;
  await work.clear(differencesPath);
  const client = new QueryClient({ target, ...QUERY_LIMITS });
  const verification = new Verification({
    query: async (query) => client.query(query),
    clock,
    onDifference: (difference) => work.append(differencesPath, [difference]),
  });
  const total = state.demands.rows;
  let rows = 0;
  /** The range that is compared: its rows, its cells, and how many cells came before it. */
  let range = { rows: 0, cells: 0, before: 0 };
  const measure = (): Measure => {
    const { cells } = verification.counts;
    const part = range.cells === 0 ? 0 : (cells - range.before) / range.cells;
    return { progress: total === 0 ? 1 : (rows + range.rows * part) / total, done: cells };
  };
  const progress = phaseProgress({ clock, report, phase: 'comparing', measure });
  try {
    const path = join(work.ranges, 'cells');
    for (const next of state.ranges) {
      const cells = await state.fold.writeCells(next, path);
      range = { rows: next.rows, cells, before: verification.counts.cells };
      const order = next.kind === 'metrics' ? 'by instant' : 'by series';
      await verification.compare(readCells(path), order, signal);
      rows += next.rows;
      range = { rows: 0, cells: 0, before: 0 };
    }
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new WalError('TARGET_UNUSABLE', `the comparison broke off: ${(cause as Error).message}`, {
      cause,
      hint: 'Everything is loaded. The same command goes on with the comparison.',
    });
  } finally {
    progress.end();
    await client.close();
  }
  const { counts } = verification;
  return { ...counts, list: counts.seriesWithDifferences > 0 ? differencesPath : null };
}
