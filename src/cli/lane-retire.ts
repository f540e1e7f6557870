import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCatalog } from '../archive/catalog.ts';
import { Duckdb } from '../archive/duckdb.ts';
import { openRepository } from '../archive/repository.ts';
import { findEnding, isClosed, type LaneEnding, retireLane } from '../archive/retire-lane.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { type Print, printToStdout } from './print.ts';

export interface RetireFlags {
  readonly repository: string;
  readonly force?: boolean;
}

const DUCKDB_LIMITS = { memoryMb: 100, threads: 1 } as const;

/** Ends a lane by hand, and tells what that means. Throws LANE_NOT_RETIRED. */
export async function retire(
  lane: string,
  { repository: place, force = false }: RetireFlags,
  print: Print = printToStdout,
): Promise<ExitCode> {
  const repository = await openRepository(place);
  const catalog = await readCatalog(repository.store);
  const now = Date.now();
  const ending = findEnding({ lane, catalog, isForced: force, now });
  const closed = await readClose(repository.store, ending);
  const { lastSeq, toMs } = ending;
  const at = new Date(toMs).toISOString();
  const reason = `the lane was ended by hand at ${new Date(now).toISOString()}`;
  await retireLane(repository, { lane, lastSeq, isClosed: closed, reason, notedAt: now });
  await print(
    closed
      ? `lane ${lane} is ended with record ${lastSeq}, received at ${at}: it stopped in order, and nothing of it is missing\n`
      : `lane ${lane} is ended behind record ${lastSeq}, received at ${at}: whatever it received later is missing. Restores to ${at} or later are refused, or do without it (--allow-holes)\n`,
  );
  return EXIT.ok;
}

async function readClose(store: ObjectStore, ending: LaneEnding): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-retire-'));
  try {
    const duckdb = await Duckdb.open({ scratch: join(folder, 'duckdb'), ...DUCKDB_LIMITS });
    try {
      return await isClosed(store, ending, (sql) => duckdb.rows(sql));
    } finally {
      duckdb.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
