import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createAdminServer } from '../../admin/admin-server.ts';
import { systemClock } from '../../runtime/clock.ts';
import { WalError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { RestoreRequest, RestoreResult } from '../../restore/restore-request.ts';
import { beginningAt, type Place } from '../place.ts';
import type { StateDirectory } from '../target/state-directory.ts';
import { assertNoLoop } from './assert-no-loop.ts';
import { BootstrapReport } from './bootstrap-report.ts';
import type { StandbyRequest } from './standby-request.ts';

export interface BootstrapOptions {
  readonly request: StandbyRequest;
  readonly repository: string;
  readonly state: StateDirectory;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const MEMORY_MB = 300;
const THREADS = 2;

/**
 * Gives an empty target what a repository has, up to the latest time for which it has everything. An interrupted one goes on where it
 * stood. That it is complete is written down before what goes on with it is removed, so that no crash makes it begin anew. Resolves
 * to what the target contains then; undefined when the signal aborted.
 */
export async function bootstrap(options: BootstrapOptions): Promise<Place | undefined> {
  const { request, state, logger, signal } = options;
  const { config } = request;
  if (request.stopAtMs !== Infinity) throw tooFar();
  const report = new BootstrapReport({ request, repository: options.repository, logger });
  const metrics = new Metrics();
  metrics.collectProcess();
  const admin = createAdminServer({
    status: () => report.status(),
    health: () => report.health(),
    ready: () => false,
    metrics,
  });
  try {
    await admin.start(config.admin);
    await assertNoLoop(request.target, options.repository);
    // DuckDB is loaded for it only.
    const { restore } = await import('../../restore/restore.ts');
    let place: Place | undefined;
    const result = await restore({
      request: restoreOf(options),
      clock: systemClock,
      report: (event) => report.take(event),
      signal,
      settle: async ({ outcome, plan }) => {
        if (outcome !== 'restored') return;
        place = beginningAt(plan.toMs);
        const forks = plan.forks.map(({ id, at, undone }) => ({ id, at: Date.parse(at), undone }));
        await state.save({ place, isReached: true, sentToMs: plan.toMs, forks });
      },
    });
    if (place === undefined) throw differing(result);
    return place;
  } catch (error) {
    if (!signal.aborted) throw withBegin(error);
    logger.info('stopped: the same command goes on with the restore');
    return undefined;
  } finally {
    await admin.close();
  }
}

/** Once it is known what the target contains, nothing of it is needed. */
export async function forgetBootstrap(state: StateDirectory): Promise<void> {
  await rm(workOf(state), { recursive: true, force: true });
}

function workOf({ path }: StateDirectory): string {
  return join(path, 'restore');
}

function restoreOf({ request, repository, state }: BootstrapOptions): RestoreRequest {
  return {
    repository,
    data: undefined,
    target: request.target,
    to: { kind: 'safe' },
    isDryRun: false,
    rate: Infinity,
    isOnlyConfirmed: false,
    allowHoles: false,
    isVerified: true,
    allowOtherMetrics: false,
    work: workOf(state),
    memoryMb: MEMORY_MB,
    threads: THREADS,
  };
}

/** The safe time may be later than the time to stop at. */
function tooFar(): WalError {
  return new WalError(
    'CONFIG_INVALID',
    '--stop-at does not go with a target that is restored first',
    {
      hint: 'Restore it by `tsdb-wal restore --to TIME`; that is all there is to it.',
    },
  );
}

/** What a standby can do besides, where the target holds something. */
function withBegin(error: unknown): unknown {
  if (!(error instanceof WalError) || error.code !== 'TARGET_UNUSABLE') return error;
  const { code, message, context, hint = '' } = error;
  const more = 'Or say by --begin TIME up to when it contains everything.';
  return new WalError(code, message, { context, cause: error, hint: `${hint} ${more}`.trim() });
}

function differing({ refused, verification }: RestoreResult): WalError {
  const lists = [refused.list, verification?.list ?? null].filter((list) => list !== null);
  return new WalError(
    'TARGET_UNUSABLE',
    `the target does not hold what the repository has: see ${lists.join(' and ')}`,
    {
      hint: 'Give it the configuration of the primary; the same command goes on.',
    },
  );
}
