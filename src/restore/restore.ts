import { QueryClient } from '../opentsdb/query-client.ts';
import type { Sources } from '../archive/tail/sources.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Measure, Progress } from '../runtime/progress.ts';
import { Cursor } from '../wal/cursor.ts';
import { ExpectedState } from './expected-state.ts';
import { sourceName } from './describe-plan.ts';
import { checkState, findState, type FoundState } from './segments/find-state.ts';
import { type Left, orAborted, unlessInterrupted } from './interruption.ts';
import { loadState } from './load/load-state.ts';
import { preflight, refuseFaults } from './target/preflight.ts';
import { phaseProgress } from './phase-progress.ts';
import type {
  RestorePhase,
  RestoreEvent,
  RestoreRequest,
  RestoreResult,
  StateCounts,
} from './restore-request.ts';
import { damageReader, readLog } from './segments/read-log.ts';
import { KeptSafeTime } from './work-directory/kept-safe-time.ts';
import type { EarlierRun, RestoreDemands } from './target/target-rules.ts';
import { type UnfinishedRestore, unfinishedRestores } from './work-directory/unfinished.ts';
import { QUERY_LIMITS, verifyState } from './verify/verify-state.ts';
import {
  type Checkpoint,
  forgetCheckpoint,
  readCheckpoint,
  WorkDirectory,
  workPath,
} from './work-directory/work-directory.ts';
import { openWorkFolder } from './work-directory/work-folder.ts';

export interface RestoreOptions {
  readonly request: RestoreRequest;
  readonly clock: Clock;
  readonly report: (event: RestoreEvent) => void;
  readonly signal: AbortSignal;
  /** What the result means is written down, before what would go on with an interrupted run is gone. */
  readonly settle?: (result: RestoreResult) => Promise<void>;
}

/**
 * Restores a time into an OpenTSDB: finds what to read, checks it, judges the target, loads, compares. An interrupted run leaves
 * its work directory, by which the same request goes on. Throws WalErrors; a difference is a result.
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { request, report, clock } = options;
  const startedMs = clock.monotonicMs();
  const found = await find(options);
  const keyAt = (ms: number): readonly unknown[] => requestKey(request, found.sources, ms);
  await using folder = await openWorkFolder(request.work);
  const safe = new KeptSafeTime(folder.path, keyAt);
  const asOfMs = await resolveTime(request, found.asOfMs, safe);
  if (asOfMs !== found.asOfMs) checkState({ ...found, asOfMs }, request.allowHoles);
  const key = keyAt(asOfMs);
  // A dry run takes no part in the restore that it looks at, which may be under way.
  const work = await WorkDirectory.open(folder.path, request.isDryRun ? [...key, 'dry'] : key);
  let isOver = false;
  try {
    const place = workPath(folder.path, key);
    const run = new Run(options, { ...found, asOfMs }, work, place);
    const result = {
      ...(await unlessInterrupted(
        options.signal,
        () => run.result(),
        () => leftBy(request, place),
      )),
      seconds: Math.round(clock.monotonicMs() - startedMs) / 1_000,
    };
    isOver = result.outcome !== 'differs';
    report({ event: 'result', ...result });
    await options.settle?.(result);
    return result;
  } finally {
    // What never began to load, or is complete, leaves nothing.
    const isToBeContinued = !isOver && (await work.checkpoint()) !== undefined;
    await (isToBeContinued ? work.close() : work.remove());
    if (!isToBeContinued && isLasting(request)) await safe.forget();
  }
}

/** Nothing is open meanwhile, so that listing a slow repository need not be waited for. */
async function find({ request, clock, signal }: RestoreOptions): Promise<FoundState> {
  return unlessInterrupted(
    signal,
    () => orAborted(signal, findState(request, clock.now(), signal)),
    () => leftBy(request, undefined),
  );
}

/** `place`: the work directory of the restore, once it is known which that is. */
async function leftBy({ isDryRun }: RestoreRequest, place: string | undefined): Promise<Left> {
  const checkpoint = place === undefined ? undefined : await readCheckpoint(place);
  if (place === undefined || checkpoint === undefined) return { isDryRun };
  return { isDryRun, place: { work: place, checkpoint } };
}

/** `safe` stays what it was for an earlier run that goes on. */
async function resolveTime(
  request: RestoreRequest,
  foundMs: number,
  safe: KeptSafeTime,
): Promise<number> {
  if (isLasting(request)) return safe.resolve(foundMs);
  return request.to.kind === 'safe' ? ((await safe.begun()) ?? foundMs) : foundMs;
}

/** Whether what `safe` stands for has to be the same when the restore goes on after an interruption. */
function isLasting({ to, isDryRun }: RestoreRequest): boolean {
  return to.kind === 'safe' && !isDryRun;
}

/** What makes two requests the same restore. */
function requestKey(request: RestoreRequest, sources: Sources, asOfMs: number): unknown[] {
  const { target, isOnlyConfirmed, allowHoles } = request;
  const origin = target?.origin ?? '';
  return [sourceName(sources), asOfMs, origin, isOnlyConfirmed, allowHoles];
}

class Run {
  readonly #options: RestoreOptions;
  readonly #found: FoundState;
  readonly #work: WorkDirectory;
  /** Where the restore keeps its place; a dry run works elsewhere. */
  readonly #place: string;

  constructor(options: RestoreOptions, found: FoundState, work: WorkDirectory, place: string) {
    this.#options = options;
    this.#found = found;
    this.#work = work;
    this.#place = place;
  }

  async result(): Promise<Omit<RestoreResult, 'seconds'>> {
    const { request, report, clock, signal } = this.#options;
    const found = await readLog(this.#found, { ...this.#options, work: this.#work });
    await using state = await this.#openState(found);
    report({ event: 'planned', ...state.plan });
    const { target } = request;
    const checkpoint = await readCheckpoint(this.#place);
    const earlier = earlierRun(checkpoint, state);
    const others =
      target === undefined ? [] : await unfinishedRestores(request.work, target, this.#place);
    if (target !== undefined) await this.#judge(target, state, { earlier, others });
    if (!request.isDryRun) await this.#beginAnew(earlier, others);
    const sameRun = earlier === 'this state' && !request.isDryRun ? checkpoint : undefined;
    const known = {
      format: 1,
      plan: state.plan,
      target: target?.origin ?? null,
      isResumed: sameRun !== undefined,
      refused: { count: 0, list: null },
      verification: null,
    } as const;
    if (request.isDryRun || target === undefined) {
      return { ...known, outcome: 'planned', counts: await this.#count(state) };
    }
    const running = { clock, report, signal, target, state, work: this.#work };
    const counts = await loadState({ ...running, checkpoint: sameRun, rate: request.rate });
    const refused = await this.#work.count(this.#work.refusedPath);
    const list = refused > 0 ? this.#work.refusedPath : null;
    const verification = request.isVerified ? await verifyState(running) : null;
    const isEqual =
      refused === 0 && (verification === null || verification.seriesWithDifferences === 0);
    return {
      ...known,
      outcome: isEqual ? 'restored' : 'differs',
      counts,
      refused: { count: refused, list },
      verification,
    };
  }

  async #openState(found: FoundState): Promise<ExpectedState> {
    const { request } = this.#options;
    let checked: Measure = { progress: 0, done: 0 };
    const progress = this.#progress('checking', () => checked);
    try {
      const onChecked = (bytes: number, share: number): void => {
        checked = { progress: share, done: checked.done + bytes };
      };
      return await ExpectedState.open(found, request, {
        scratch: this.#work.scratch,
        onChecked,
        readWithout: damageReader(found, { ...this.#options, work: this.#work }),
        signal: this.#options.signal,
      });
    } finally {
      progress.end();
    }
  }

  /** What earlier runs wrote that this one doesn't go on with is not in the target any more: nor can they go on. */
  async #beginAnew(earlier: EarlierRun, others: readonly UnfinishedRestore[]): Promise<void> {
    const { report } = this.#options;
    for (const { path, asOfMs } of others) {
      const reason = `a restore to ${formatInstant(asOfMs)} is not complete (${path}), and the target holds nothing of it: it can't be gone on with`;
      report({ event: 'restarting', reason });
      await forgetCheckpoint(path);
    }
    if (earlier !== 'another state') return;
    const reason =
      'what the log tells of the time has changed since an earlier run, of which the target holds nothing: it begins anew';
    report({ event: 'restarting', reason });
    await this.#work.reset();
  }

  async #judge(
    target: URL,
    { fold, demands }: ExpectedState,
    before: Pick<RestoreDemands, 'earlier' | 'others'>,
  ): Promise<void> {
    const { allowOtherMetrics, data, work } = this.#options.request;
    const fed = data === undefined ? undefined : await Cursor.ownerOf(data, 'primary');
    const feeder = fed === target.origin ? data : undefined;
    const client = new QueryClient({ target, ...QUERY_LIMITS });
    try {
      const characters = await fold.characters();
      const metrics = await fold.metrics();
      const { tags } = demands;
      const wanted = { tags, characters, ...before, feeder, work, allowOtherMetrics };
      const judged = preflight({ client, target, metrics, demands: wanted });
      const findings = await orAborted(this.#options.signal, judged);
      for (const finding of findings) this.#options.report({ event: 'target', ...finding });
      refuseFaults(target, findings);
    } finally {
      await client.close();
    }
  }

  async #count(state: ExpectedState): Promise<StateCounts> {
    let rows = 0;
    let points = 0;
    const total = state.demands.rows;
    const progress = this.#progress('counting', () => ({
      progress: total === 0 ? 1 : rows / total,
      done: points,
    }));
    try {
      return await state.count((range, counts) => {
        rows += range.rows;
        points += counts.points;
      });
    } finally {
      progress.end();
    }
  }

  #progress(phase: RestorePhase, measure: () => Measure): Progress {
    const { clock, report } = this.#options;
    return phaseProgress({ clock, report, phase, measure });
  }
}

/** Whose checkpoint it is. */
function earlierRun(checkpoint: Checkpoint | undefined, { plan }: ExpectedState): EarlierRun {
  if (checkpoint === undefined) return 'none';
  return checkpoint.plan === plan.plan ? 'this state' : 'another state';
}
