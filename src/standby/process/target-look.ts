import { QueryClient } from '../../opentsdb/query-client.ts';
import { tsdMode } from '../../opentsdb/server-facts.ts';
import { suggestMetrics } from '../../opentsdb/suggest-metrics.ts';
import { QUESTIONS_MAX, someHeld, spansOf } from '../../restore/held-metrics.ts';
import { listNames, NAMES_SHOWN } from '../../restore/target-content.ts';
import { WalError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { StateDirectory } from '../state-directory.ts';
import { Cursor } from '../../wal/cursor.ts';
import type { StandbyRequest } from './standby-request.ts';

export interface TargetLookOptions {
  readonly request: StandbyRequest;
  readonly state: StateDirectory;
  /** The data directory whose log is followed, or is named beside what is. */
  readonly data: string | undefined;
  readonly logger: Logger;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Metrics that somebody writes have data there. */
const RECENT_MS = 86_400_000;

/**
 * Whether a target that was sent nothing yet may be sent the log from its first record on: where it holds data already, as a restore looks
 * for that, old values would be put over later ones. Only --begin says what such a target contains: of a time, nothing is looked at; of the
 * oldest record, it is told. Resolves to why that isn't known yet; undefined: it may be. Throws TARGET_UNUSABLE, and what the target
 * contains is to be said anew.
 */
export async function lookAtTarget(options: TargetLookOptions): Promise<string | undefined> {
  const { request, state, logger } = options;
  const { place, beganOldestMs } = state.state;
  if (place === undefined || place.sinceMs !== null) return undefined;
  const isOldest = beganOldestMs !== undefined || request.begin.kind === 'oldest';
  let held: readonly string[] | undefined;
  try {
    held = await heldBy(options);
  } catch (error) {
    const reason = `it can't be told whether it is empty: ${(error as Error).message}`;
    if (!isOldest) return reason;
    logger.warn({ reason }, 'what the target holds was not looked at');
    return undefined;
  }
  if (held === undefined) {
    logger.warn('the target answers no queries: whether it is empty was not looked at');
    return undefined;
  }
  if (held.length === 0) return undefined;
  const metrics = listNames(held, 'others');
  if (isOldest) {
    logger.warn({ metrics }, 'the target holds data already: what the log has is put over it');
    return undefined;
  }
  await state.save({ place: undefined, forks: [] });
  throw await full(options, metrics);
}

/** Some of the metrics of which the target holds data; undefined: it answers no queries. Rejects when there is no answer. */
async function heldBy(options: TargetLookOptions): Promise<readonly string[] | undefined> {
  const { request, nowMs, signal } = options;
  const { target, config } = request;
  const { requestTimeout } = config.delivery;
  const limits = { requestTimeoutMs: requestTimeout, connectionsMax: QUESTIONS_MAX };
  const client = new QueryClient({ target, ...limits });
  const abort = (): void => void client.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const listed = await suggestMetrics(client);
    if (listed !== undefined) {
      return await someHeld(client, spansOf(listed, nowMs - RECENT_MS, nowMs), NAMES_SHOWN + 1);
    }
    const settings = await client.get('/api/config');
    if (settings === undefined || tsdMode(settings) === 'wo') return undefined;
    throw new Error('it does not answer /api/suggest');
  } finally {
    signal.removeEventListener('abort', abort);
    await client.close();
  }
}

async function full({ request, data }: TargetLookOptions, metrics: string): Promise<WalError> {
  const { origin } = request.target;
  const fed = data === undefined ? undefined : await Cursor.ownerOf(data, 'primary');
  const isPrimary = fed === origin ? ` is the primary that the log of ${data} feeds, and` : '';
  return new WalError(
    'TARGET_UNUSABLE',
    `${origin}${isPrimary} holds data already, of ${metrics}: all that is followed would be applied from its first record on, and put old values over later ones`,
    {
      hint: 'Name another OpenTSDB, with empty tables. Or say by --begin TIME up to when this one contains everything; where what it holds is of others, --begin oldest applies all beside it.',
    },
  );
}
