import { Duckdb } from '../../archive/duckdb.ts';
import { LOOKS_MAX } from '../../archive/tail/read-tails.ts';
import { findHistory } from '../../archive/tail/sources.ts';
import { buildTail, type BuiltTail } from '../../archive/tail/tail-builder.ts';
import type { Damaged } from '../../archive/holdings/without-damaged.ts';
import type { Clock } from '../../runtime/clock.ts';
import { checkState, type FoundState } from './find-state.ts';
import { phaseProgress } from '../phase-progress.ts';
import type { RestoreEvent, RestoreRequest } from '../restore-request.ts';
import type { WorkDirectory } from '../work-directory/work-directory.ts';

/** What of a restore request says what is to be read, and with how much memory. */
type LogRequest = Pick<RestoreRequest, 'allowHoles' | 'memoryMb' | 'threads'>;

export interface ReadLogOptions {
  readonly request: LogRequest;
  readonly work: WorkDirectory;
  readonly clock: Clock;
  readonly report: (event: RestoreEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes segments of what only the log or the topic has. What is archived, and leaves these, while that goes on is looked for in the
 * repository.
 * Throws as `findState` does, for what shows only now. Rejects when the signal aborts.
 */
export async function readLog(found: FoundState, options: ReadLogOptions): Promise<FoundState> {
  if (!hasTail(found)) return found;
  const read = await readAsLongAsItMoves(found, options, undefined);
  checkState(read, options.request.allowHoles);
  return read;
}

/**
 * The same once segments of the repository turned out to be damaged: what else has their records is looked for in the log and the
 * topic. Undefined where there is neither. Whether the time can still be had is the caller's to ask.
 */
export function damageReader(
  found: FoundState,
  options: ReadLogOptions,
): ((damaged: Damaged) => Promise<FoundState>) | undefined {
  if (!hasTail(found)) return undefined;
  return async (damaged) =>
    readAsLongAsItMoves(await lookAgain(found, options, damaged), options, damaged);
}

function hasTail({ tail, topic }: FoundState): boolean {
  return tail !== undefined || topic !== undefined;
}

async function readAsLongAsItMoves(
  found: FoundState,
  options: ReadLogOptions,
  damaged: Damaged | undefined,
): Promise<FoundState> {
  let listed = found;
  for (let look = 1; ; look += 1) {
    const { catalog, local, isMoved } = await buildOnce(listed, options);
    if (!isMoved || look === LOOKS_MAX) return { ...listed, catalog, local };
    listed = await lookAgain(found, options, damaged);
    if (damaged === undefined) checkState(listed, options.request.allowHoles);
  }
}

/** For the same time. */
async function lookAgain(
  found: FoundState,
  { clock, signal }: ReadLogOptions,
  damaged: Damaged | undefined,
): Promise<FoundState> {
  const now = clock.now();
  const history = await findHistory(found.sources, { now, signal, damaged });
  return { ...found, ...history, local: new Map(), nowMs: now };
}

async function buildOnce(
  { archived, tail, topic, asOfMs }: FoundState,
  { request, work, clock, report, signal }: ReadLogOptions,
): Promise<Pick<BuiltTail, 'catalog' | 'local' | 'isMoved'>> {
  const lanes = [...(tail?.lanes ?? []), ...(topic?.lanes ?? [])];
  const runs = lanes.flatMap((lane) => lane.runs);
  const total = runs.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const measure = (): { progress: number; done: number } => ({
    progress: total === 0 ? 1 : done / total,
    done,
  });
  const { memoryMb, threads } = request;
  const duckdb = await Duckdb.open({ scratch: work.scratch, memoryMb, threads });
  const progress = phaseProgress({ clock, report, phase: 'reading', measure });
  try {
    return await buildTail({
      catalog: archived,
      tail,
      topic,
      duckdb,
      folder: work.log,
      // Of later records only what they say of earlier ones is of interest.
      isWanted: ({ firstMs, refused }) => firstMs <= asOfMs || refused > 0,
      onRead: (bytes) => {
        done += bytes;
      },
      now: clock.now(),
      signal,
    });
  } finally {
    progress.end();
    duckdb.close();
  }
}
