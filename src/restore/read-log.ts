import { Duckdb } from '../archive/duckdb.ts';
import { LOOKS_MAX } from '../archive/read-tails.ts';
import { buildTail, type BuiltTail } from '../archive/tail-builder.ts';
import type { Clock } from '../runtime/clock.ts';
import { checkState, findState, type FoundState } from './find-state.ts';
import { interrupted } from './interruption.ts';
import { phaseProgress } from './phase-progress.ts';
import type { RestoreEvent, RestoreRequest } from './restore-request.ts';
import type { WorkDirectory } from './work-directory.ts';

/** What of a restore request says what is to be read, and with how much memory. */
type LogRequest = Pick<
  RestoreRequest,
  'repository' | 'data' | 'topic' | 'allowHoles' | 'memoryMb' | 'threads'
>;

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
 * Throws as `findState` does, for what shows only now; RESTORE_INTERRUPTED when the signal aborts.
 */
export async function readLog(found: FoundState, options: ReadLogOptions): Promise<FoundState> {
  if (found.tail === undefined && found.topic === undefined) return found;
  try {
    return await readAsLongAsItMoves(found, options);
  } catch (error) {
    if (options.signal.aborted) throw interrupted(options.work.path, found.targetMs);
    throw error;
  }
}

async function readAsLongAsItMoves(
  found: FoundState,
  options: ReadLogOptions,
): Promise<FoundState> {
  const { request, clock, signal } = options;
  const { allowHoles } = request;
  const to = { kind: 'at', ms: found.targetMs } as const;
  let listed = found;
  for (let look = 1; ; look += 1) {
    const { catalog, local, isMoved } = await buildOnce(listed, options);
    if (!isMoved || look === LOOKS_MAX) {
      const read = { ...listed, catalog, local };
      checkState(read, allowHoles);
      return read;
    }
    listed = await findState({ ...request, to }, clock.now(), signal);
  }
}

async function buildOnce(
  { archived, tail, topic, targetMs }: FoundState,
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
      isWanted: ({ firstMs, refused }) => firstMs <= targetMs || refused > 0,
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
