import type { Coverage, CoverageHole, Holdings } from '../archive/holdings/coverage.ts';
import { endAfter } from '../archive/holdings/doubtful-days.ts';
import { Duckdb } from '../archive/duckdb.ts';
import { findState } from '../restore/segments/find-state.ts';
import { Fold } from '../restore/fold/fold.ts';
import type { RestorePhase } from '../restore/restore-request.ts';
import { damageReader, readLog, type ReadLogOptions } from '../restore/segments/read-log.ts';
import { readTrustedSegments, type TrustedSegments } from '../restore/segments/trusted-segments.ts';
import type { WorkDirectory } from '../restore/work-directory/work-directory.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ProgressTold } from '../runtime/progress.ts';
import type { CompareRequest } from './compare-request.ts';

export interface LookUpOptions {
  readonly log: NonNullable<CompareRequest['log']>;
  readonly work: WorkDirectory;
  readonly clock: Clock;
  readonly onProgress: (told: ProgressTold & { readonly phase: RestorePhase }) => void;
  readonly signal: AbortSignal;
}

/** Epoch ms. */
export interface LookedUp {
  /** Everything received up to then was looked at. */
  readonly toMs: number;
  /** Nothing more was received up to then: that is later where the log ended before. */
  readonly completeToMs: number;
  /** Records are missing that may have been received up to then; Infinity: nobody knows how late. Undefined: none are. */
  readonly lacksToMs: number | undefined;
  /** Whether all is known that was undone; undefined: nothing was. */
  readonly isAllUndoneKnown: boolean | undefined;
}

const MEMORY_MB = 300;
const THREADS = 2;
/** Rows that a fold takes at once; single cells are looked up without. */
const RANGE_ROWS = 1_000_000;

/**
 * Looks single cells up in the repository, the log and the topic: reads the file `wanted`, writes the file `answers` (see
 * `lookUpStatement`). Records that are missing are done without: what is found holds all the same. Throws as a restore does.
 */
export async function lookUp(
  options: LookUpOptions,
  { wanted, answers }: { readonly wanted: string; readonly answers: string },
): Promise<LookedUp> {
  const { log, work, clock, signal, onProgress } = options;
  const { repository, data, topic } = log;
  const request = { repository, data, topic, allowHoles: true };
  const size = { memoryMb: MEMORY_MB, threads: THREADS };
  const to = { kind: 'safe' } as const;
  const listed = await findState({ ...request, to }, clock.now(), signal);
  const reading: ReadLogOptions = {
    request: { ...request, ...size },
    work,
    clock,
    signal,
    report: (event) => {
      if (event.event === 'progress') onProgress(event);
    },
  };
  const found = await readLog(listed, reading);
  const { input, selection, knownForks } = await readTrustedSegments({
    store: found.sources.store,
    catalog: found.catalog,
    local: found.local,
    asOfMs: found.asOfMs,
    allowHoles: true,
    isOnlyConfirmed: false,
    onChecked: () => undefined,
    readWithout: damageReader(found, reading),
  });
  const database = await Duckdb.open({ scratch: work.scratch, ...size });
  try {
    // What was undone only after the moment that is read up to counts no more either.
    const undone = knownForks.flatMap((fork) => fork.undone);
    const fold = await Fold.open(database, { ...input, undone }, RANGE_ROWS);
    await fold.lookUp(wanted, answers);
  } finally {
    database.close();
  }
  const { safeTimeMs = found.asOfMs, holes } = selection.coverage;
  const lacksToMs = latestLacking(holes, found.catalog);
  const isAllUndoneKnown =
    knownForks.length === 0
      ? undefined
      : knownForks.every((fork) => isKnown(fork, selection.coverage, found.asOfMs));
  return { toMs: found.asOfMs, completeToMs: safeTimeMs, lacksToMs, isAllUndoneKnown };
}

/** Whether every record that a fork undoes was read. All of them were received before the one that says so. */
function isKnown(
  fork: TrustedSegments['knownForks'][number],
  { lanes }: Coverage,
  asOfMs: number,
): boolean {
  if (fork.receivedAt > asOfMs) return false;
  return fork.undone.every(({ lane, from, to }) =>
    lanes.some(
      (one) =>
        one.lane === lane &&
        one.covered.some(({ firstSeq, lastSeq }) => firstSeq <= from && to <= lastSeq),
    ),
  );
}

/**
 * Before when all that is missing was written, as receive times tell the order of writes; undefined when nothing is missing, Infinity when
 * nothing after a hole is known: neither of its lane, nor a lane that follows.
 */
export function latestLacking(
  holes: readonly CoverageHole[],
  { lanes }: Holdings,
): number | undefined {
  if (holes.length === 0) return undefined;
  const ends = holes.map(({ lane, lastSeq, toMs = Infinity }) => {
    const next = [...lanes.values()].flatMap(({ begin }) =>
      begin?.previous?.lane === lane ? [begin.openedAt] : [],
    );
    const nextMs = next.length === 0 ? Infinity : Math.max(...next);
    return Math.min(toMs, endAfter(lanes.get(lane)?.objects ?? [], lastSeq ?? Infinity), nextMs);
  });
  return Math.max(...ends);
}
